// Keeps an open inbox live: what came is put above what is there, which stays as it is, with what is unfolded in it.
const letters = document.querySelector("#letters[data-live]")

// The page itself, parsed by the browser: trusted types leave no other way to read HTML, and none is needed.
const fetched = () => new Promise((resolve, reject) => {
  const request = new XMLHttpRequest()
  request.open("GET", "/me/inbox")
  request.setRequestHeader("Accept", "text/html")
  request.responseType = "document"
  request.onload = () => (request.status === 200 && request.response ? resolve(request.response) : reject(request.status))
  request.onerror = reject
  request.send()
})

const renew = async (said) => {
  const there = (await fetched()).getElementById("letters")
  const list = letters.querySelector(".inbox")
  const came = there ? [...there.querySelectorAll(".letter")].filter((one) => !document.getElementById(one.id)) : []
  if (!came.length) return
  if (list) list.prepend(...came.map((one) => document.adoptNode(one)))
  else letters.replaceChildren(...[...there.childNodes].map((one) => document.adoptNode(one)))
  document.querySelector("[data-inbox-said]").textContent = said
}

if (letters) {
  let waits = ""
  const look = () => {
    if (!waits || document.hidden) return // seen is only what somebody looks at
    const said = waits
    waits = ""
    renew(said).catch(() => { waits = said })
  }
  const open = () => {
    const stream = new EventSource(letters.dataset.live)
    stream.addEventListener("news", (event) => {
      const news = JSON.parse(event.data)
      if (news.unseen) { waits = news.said; look() }
    })
    stream.addEventListener("ended", () => stream.close())
    // A browser comes again by itself where a line broke, and not where there was no place for it.
    stream.addEventListener("error", () => {
      if (stream.readyState === EventSource.CLOSED) setTimeout(open, 60_000)
    })
  }
  open()
  document.addEventListener("visibilitychange", look)
}
