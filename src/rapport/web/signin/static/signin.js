// Passkeys, on the pages for signing in and on a person's own. A page says what it is for in `data-signin` ("prove",
// "make" or "sign"), where to ask for options (`data-ask`), and where to bring what the browser makes of them
// (`data-answer`). Its button begins disabled: what is pressed before this script hears it would do nothing, or send the
// form of an agreement as if nobody could sign it.

const box = document.querySelector("[data-signin]");
const said = box.querySelector("[data-said]");
const button = box.querySelector("button");
const { ask, answer, code, failed: FAILED, again } = box.dataset;

class Refused extends Error {
  constructor(told) {
    super(told.message || FAILED);
    this.code = told.code;
  }
}

async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
  });
  const told = await response.json();
  if (!response.ok) throw new Refused(told);
  return told;
}

async function prove(more, asked) {
  const options = PublicKeyCredential.parseRequestOptionsFromJSON(asked ?? (await post(ask, {})));
  const found = await navigator.credentials.get({ publicKey: options, ...more });
  const told = await post(answer, found.toJSON());
  await accepted(told.accepted);
  // What was about to be done when the proof was asked for goes on by itself.
  const waiting = box.querySelector("form[data-then]");
  if (!waiting) return location.assign(told.next);
  waiting.elements.csrf.value = told.csrf;
  waiting.submit();
}

async function make() {
  const options = PublicKeyCredential.parseCreationOptionsFromJSON(await post(ask, code ? { code } : {}));
  const made = (await navigator.credentials.create({ publicKey: options })).toJSON();
  try {
    location.assign((await post(answer, code ? { code, passkey: made } : made)).next);
  } catch (error) {
    // What this node did not take, no password manager should offer here.
    if (error instanceof Refused && error.code !== "exists") {
      await signalled("signalUnknownCredential", { rpId: options.rp.id, credentialId: made.id });
    }
    throw error;
  }
}

// Password managers hear which passkeys still count, and let go of others. Only who has proved who they are is told.
const accepted = (told) => told && signalled("signalAllAcceptedCredentials", told);

async function signalled(name, told) {
  try {
    await PublicKeyCredential[name]?.(told);
  } catch {
    // It is a courtesy to them: whatever they make of it, what was done is done.
  }
}

// Agreements: what is signed is what this page shows (`data-shown`), or nothing is.
async function sign(form) {
  const act = { shown: box.dataset.shown };
  for (const name of ["way", "value"]) if (form.elements[name]) act[name] = form.elements[name].value;
  const { options, nonce } = await post(ask, act);
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  const found = await navigator.credentials.get({ publicKey });
  location.assign((await post(answer, { ...act, nonce, passkey: found.toJSON() })).next);
}

function tell(error) {
  if (error.name === "AbortError") return;
  if (error.code === "step_up" && again) location.assign(again);
  else if (error.code === "changed_meanwhile" && box.dataset.changed) location.assign(box.dataset.changed);
  else said.textContent = error instanceof Refused ? error.message : FAILED;
}

async function start() {
  if (!window.PublicKeyCredential || !PublicKeyCredential.parseRequestOptionsFromJSON) {
    // Without a word for it, the form does without: the node signs for the person then.
    if (box.dataset.cannot) said.textContent = box.dataset.cannot;
    else button.disabled = false;
    return;
  }
  if (box.dataset.signin === "sign") {
    box.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      sign(event.target).catch(tell);
    });
    button.disabled = false;
    return;
  }
  if (box.dataset.signin === "make") {
    button.addEventListener("click", () => make().catch(tell));
    button.disabled = false;
    if (box.dataset.accepted) await accepted(JSON.parse(box.dataset.accepted));
    return;
  }
  // A returning browser is asked at once, without a key pressed; what has nothing to offer then waits for the button.
  const offered = "offer" in box.dataset;
  const can = (offered && (await PublicKeyCredential.getClientCapabilities?.())) || {};
  const waiting = new AbortController();
  // The button first asks for what is on this device, which fails at once where nothing is, and then for whatever else
  // there is: a phone, a security key. (A browser that does not know `uiMode` asks for all of it at once.)
  let here = can.immediateGet === true;
  button.addEventListener("click", () => {
    waiting.abort();
    const only = here ? { uiMode: "immediate" } : {};
    here = false;
    prove(only).catch((error) => {
      if (only.uiMode && error.name === "NotAllowedError") said.textContent = box.dataset.elsewhere || FAILED;
      else tell(error);
    });
  });
  button.disabled = false;
  const waits = can.conditionalGet ?? (await PublicKeyCredential.isConditionalMediationAvailable?.());
  if (!offered) return;
  const asked = await post(ask, {});
  // Whoever is signed in already, and came by a link of another site's, goes on to what it leads to.
  if (asked.next) location.assign(asked.next);
  else if (waits) {
    // Nobody pressed anything yet: a browser that has nothing to offer is no failure of theirs.
    const quietly = (error) => error.name === "NotAllowedError" || tell(error);
    prove({ mediation: "conditional", signal: waiting.signal }, asked).catch(quietly);
  }
}

start().catch(tell);
