// Passkeys on the pages for signing in. The page says what it is for in `data-signin`: "prove" or "make".

const box = document.querySelector("[data-signin]");
const said = box.querySelector("[data-said]");
const button = box.querySelector("button");
const FAILED = box.dataset.failed;

async function post(path, body) {
  const answer = await fetch(`/signin${path}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.message || FAILED);
  return told;
}

function tell(words) {
  said.textContent = words;
}

async function prove(more) {
  const options = PublicKeyCredential.parseRequestOptionsFromJSON(await post("/ask", {}));
  const found = await navigator.credentials.get({ publicKey: options, ...more });
  location.assign((await post("/prove", found.toJSON())).next);
}

async function make() {
  const code = box.dataset.code;
  const options = PublicKeyCredential.parseCreationOptionsFromJSON(await post("/invite/ask", { code }));
  const made = await navigator.credentials.create({ publicKey: options });
  location.assign((await post("/invite/make", { code, passkey: made.toJSON() })).next);
}

function failed(error) {
  if (error.name === "AbortError") return;
  tell(error.name === "NotAllowedError" || error.name === "InvalidStateError" ? FAILED : error.message || FAILED);
}

async function start() {
  if (!window.PublicKeyCredential || !PublicKeyCredential.parseRequestOptionsFromJSON) {
    tell(box.dataset.cannot);
    button.disabled = true;
    return;
  }
  if (box.dataset.signin === "make") {
    button.addEventListener("click", () => make().catch(failed));
    return;
  }
  // A returning browser is asked at once, without a key pressed; where that finds nothing, it offers in its own time.
  const waiting = new AbortController();
  button.addEventListener("click", () => {
    waiting.abort();
    prove({}).catch(failed);
  });
  if (await PublicKeyCredential.isConditionalMediationAvailable?.()) {
    prove({ mediation: "conditional", signal: waiting.signal }).catch(failed);
  }
}

start().catch(failed);
