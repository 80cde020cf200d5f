// Whoever says quiet hours mostly means those of where they are: an empty time zone is filled with the browser's.
const zone = document.querySelector("[data-zone]")
if (zone && !zone.value) zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || ""
