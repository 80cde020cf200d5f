// A link of the demo opens the page without a press: the form is sent as its button would send it. The code leaves the
// address first, so that neither going back nor the history holds it.
const form = document.querySelector("form[data-at-once]");
if (form) {
  history.replaceState(null, "", form.action);
  form.requestSubmit();
}
