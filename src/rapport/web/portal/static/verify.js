// Checks a person's receipts in their own browser, by the rules of `rapport/kernel/verify.py` and with nothing of the
// node but its answer: the commitment of each receipt, the trees (RFC 6962), their heads in the log, the log's signature
// (C2SP checkpoint, Ed25519), what witnesses signed, that the log continues the head that this browser saw last, and that
// it has no newer head of the trees shown.

export class Broken extends Error {}

const FORMAT = "rapport-bundle/2"
const FORMER = "rapport-bundle/1" // of before heads were numbered: it holds, but cannot be looked for in the log
const TILE = 256
const TAG = 16
const [LOG, WITNESS] = [1, 4] // types of keys
const MAX_NOTES = 64
const NAME = /^[!-*,-~]{1,200}$/
const SIZE = /^(0|[1-9][0-9]{0,15})$/
const MAX_DEPTH = 64
const bytes = (text) => new TextEncoder().encode(text)
const same = (a, b) => a.length === b.length && a.every((value, at) => value === b[at])
const joined = (...parts) => {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

// -- JSON, read so that nothing is lost: numbers stay as they are written, and a name that is there twice is refused.

class Numeral {
  constructor(text) {
    this.text = text
  }
}

const TOKEN = /[ \t\n\r]*(?:([{}[\]:,])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)|(true|false|null))/y

export function parse(text) {
  let at = 0
  let mark, string, number, word
  const next = () => {
    TOKEN.lastIndex = at
    const found = TOKEN.exec(text)
    if (found === null) throw new Broken("it is no JSON")
    at = TOKEN.lastIndex
    ;[, mark, string, number, word] = found
  }
  const expect = (wanted) => {
    if (mark !== wanted) throw new Broken("it is no JSON")
  }
  const value = (depth) => {
    if (depth > MAX_DEPTH) throw new Broken("it is nested too deeply")
    if (string !== undefined) return JSON.parse(string)
    if (number !== undefined) return new Numeral(number)
    if (word !== undefined) return JSON.parse(word)
    const made = mark === "{" ? new Map() : []
    if (mark !== "{") expect("[")
    const end = mark === "{" ? "}" : "]"
    next()
    while (mark !== end) {
      if (end === "}") {
        if (string === undefined) throw new Broken("it is no JSON")
        const name = JSON.parse(string)
        if (made.has(name)) throw new Broken("a name is there twice in an object")
        next()
        expect(":")
        next()
        made.set(name, value(depth + 1))
      } else made.push(value(depth + 1))
      next()
      if (mark === end) break
      expect(",")
      next()
      if (mark === end) throw new Broken("it is no JSON")
    }
    mark = string = number = word = undefined
    return made
  }
  next()
  const whole = value(0)
  if (/[^ \t\n\r]/.test(text.slice(at))) throw new Broken("it is no JSON")
  return whole
}

const byCodePoint = (a, b) => {
  const [left, right] = [[...a], [...b]]
  for (let at = 0; at < left.length && at < right.length; at++) {
    if (left[at] !== right[at]) return left[at].codePointAt(0) - right[at].codePointAt(0)
  }
  return left.length - right.length
}

export function canonical(value) {
  if (value instanceof Numeral) return value.text
  if (value instanceof Map) {
    const names = [...value.keys()].sort(byCodePoint)
    return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value.get(name))}`).join(",")}}`
  }
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`
  return JSON.stringify(value)
}

// -- shapes

const KINDS = {
  text: (value) => typeof value === "string",
  size: (value) => value instanceof Numeral && SIZE.test(value.text) && Number.isSafeInteger(Number(value.text)),
  object: (value) => value instanceof Map,
  list: Array.isArray,
}

/** The fields of an object, which has nothing but `more` beside them, unless that is left open. */
function shaped(value, fields, what, more = null) {
  if (!(value instanceof Map)) throw new Broken(`${what} is no object`)
  const found = Object.entries(fields).map(([name, kind]) => {
    const one = value.get(name)
    if (!KINDS[kind](one)) throw new Broken(`${what} has no ${name}`)
    return kind === "size" ? Number(one.text) : one
  })
  if (more !== null && [...value.keys()].some((name) => !Object.hasOwn(fields, name) && !more.includes(name)))
    throw new Broken(`${what} has more than it may`)
  return found
}

function unb64(text, what) {
  let raw
  try {
    raw = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
  } catch {
    throw new Broken(`${what} is no base64`)
  }
  if (b64(raw) !== text) throw new Broken(`${what} is not written the one way`)
  return raw
}

function b64(raw) {
  let text = ""
  for (const value of raw) text += String.fromCharCode(value)
  return btoa(text)
}

function hash(text, what) {
  if (typeof text !== "string") throw new Broken(`${what} is no hash`)
  const raw = unb64(text, what)
  if (raw.length !== 32) throw new Broken(`${what} is no hash of 32 bytes`)
  return raw
}

function named(name, what) {
  if (!NAME.test(name)) throw new Broken(`${what} has no proper name`)
  return name
}

// -- RFC 6962 and RFC 9162

const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)))
const leafHash = (entry) => sha256(Uint8Array.of(0), entry)
const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right)

async function hmac(key, message) {
  const made = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"])
  return new Uint8Array(await crypto.subtle.sign("HMAC", made, message))
}

/** The right edge of a tree: [leaves, hash] of its perfect subtrees, largest first. */
async function append(right, hashed) {
  let count = 1
  while (right.length && right.at(-1)[0] === count) {
    hashed = await nodeHash(right.pop()[1], hashed)
    count *= 2
  }
  right.push([count, hashed])
}

async function rootAt(right) {
  if (!right.length) return sha256()
  let root = right.at(-1)[1]
  for (let at = right.length - 2; at >= 0; at--) root = await nodeHash(right[at][1], root)
  return root
}

async function rootOf(leaves) {
  const right = []
  for (const leaf of leaves) await append(right, leaf)
  return rootAt(right)
}

/** How many entries of a tree are left of where it parts: the greatest power of two below its size. */
function leftOf(size) {
  let left = 1
  while (left * 2 < size) left *= 2
  return left
}

async function includes(index, size, leaf, proof, root) {
  if (index >= size) return false
  const rights = []
  while (size > 1) {
    const left = leftOf(size)
    rights.push(index >= left)
    ;[index, size] = index >= left ? [index - left, size - left] : [index, left]
  }
  if (proof.length !== rights.length) return false
  let hashed = leaf
  for (const part of proof) hashed = rights.pop() ? await nodeHash(part, hashed) : await nodeHash(hashed, part)
  return same(hashed, root)
}

async function continues(old, size, oldRoot, root, proof) {
  if (!(0 < old && old <= size)) return false
  const rights = []
  while (old < size) {
    const left = leftOf(size)
    rights.push(old > left)
    ;[old, size] = old > left ? [old - left, size - left] : [old, left]
  }
  const path = rights.includes(true) ? [...proof] : [oldRoot, ...proof]
  if (path.length !== rights.length + 1) return false
  let [before, after] = [path[0], path[0]]
  for (const part of path.slice(1)) {
    if (rights.pop()) [before, after] = [await nodeHash(part, before), await nodeHash(part, after)]
    else after = await nodeHash(after, part)
  }
  return same(before, oldRoot) && same(after, root)
}

// -- C2SP signed notes and checkpoints

const keyId = async (name, key, kind = LOG) => (await sha256(bytes(`${name}\n`), Uint8Array.of(kind), key)).slice(0, 4)
const hex = (raw) => [...raw].map((value) => value.toString(16).padStart(2, "0")).join("")

/** {text, name, key, ident} of a verifier key, `name+id+key`. */
async function readKey(text, kind = LOG) {
  const whose = kind === LOG ? "the key of the log" : "the key of a witness"
  const parts = /^([^+]*)\+([^+]*)\+(.*)$/s.exec(text.trim())
  if (parts === null) throw new Broken(`${whose} is none: name+id+key is needed`)
  const name = named(parts[1], whose)
  const raw = unb64(parts[3], whose)
  const key = raw.slice(1)
  const ident = await keyId(name, key, kind)
  if (raw.length !== 33 || raw[0] !== kind || hex(ident) !== parts[2])
    throw new Broken(`${whose} is not an Ed25519 key of that name and use`)
  return { text, name, key, ident }
}

async function signed(key, signature, message) {
  try {
    const made = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"])
    return await crypto.subtle.verify("Ed25519", made, signature, message)
  } catch (error) {
    if (error.name === "NotSupportedError") throw error
    return false
  }
}

/** [text, [{name, ident, signature}]] of a signed note. */
function readNote(note) {
  const split = note.lastIndexOf("\n\n")
  if (split < 0) throw new Broken("the checkpoint is not one of this log")
  const signatures = note.slice(split + 2)
  if (!signatures.endsWith("\n")) throw new Broken("the checkpoint is cut off")
  const found = signatures.slice(0, -1).split("\n").map((line) => {
    const [dash, name = "", ...rest] = line.split(" ")
    const raw = unb64(rest.join(" "), "a signature of the checkpoint")
    if (dash !== "—") throw new Broken("a signature of the checkpoint is none")
    return { name, ident: raw.slice(0, 4), signature: raw.slice(4) }
  })
  return [note.slice(0, split + 1), found]
}

const by = (one, key) => one.name === key.name && same(one.ident, key.ident)

async function readCheckpoint(note, key) {
  const [body, signatures] = readNote(note)
  const lines = body.split("\n")
  if (lines.length < 4 || lines[0] !== key.name) throw new Broken("the checkpoint is not one of this log")
  const ours = signatures.filter((one) => by(one, key))
  if (!ours.length) throw new Broken("the checkpoint is not signed by the log's key")
  for (const { signature } of ours)
    if (!(await signed(key.key, signature, bytes(body)))) throw new Broken("the checkpoint's signature is forged")
  if (!SIZE.test(lines[1])) throw new Broken("the checkpoint's size is no number")
  return [Number(lines[1]), hash(lines[2], "the checkpoint's root")]
}

/** When a witness cosigned a checkpoint (seconds since 1970; C2SP tlog-cosignature); null where it did not. */
async function cosigned(body, signature, key) {
  if (signature.length !== 72 || signature[0] > 127) return null
  const at = new DataView(signature.buffer, signature.byteOffset).getBigUint64(0)
  const held = await signed(key, signature.slice(8), bytes(`cosignature/v1\ntime ${at}\n${body}`))
  return held ? Number(at) : null
}

// -- bundles

/** Check the text of a bundle → {ok, receipts, hidden, head, witnesses, latest, problem}. `since`: a head that this
 * answered before. Of `witnesses` (verifier keys), `quorum` (else all) must have signed all the heads shown. `read` answers
 * a path of the log with its bytes, to see that the heads are the newest. */
export async function verify(text, since = null, { witnesses = [], quorum = null, read = null } = {}) {
  let receipts = 0
  try {
    const bundle = parse(text)
    receipts = bundle instanceof Map && Array.isArray(bundle.get("receipts")) ? bundle.get("receipts").length : 0
    const seen = await verified(bundle)
    if (since !== null) await continued(seen, since)
    const signatures = await cosignatures(seen)
    if (witnesses.length || quorum !== null) await witnessed(signatures, witnesses, quorum)
    const latest = read === null ? null : await newest(seen, read)
    let entries = 0
    for (const tree of seen.trees.values()) entries += tree.leaves.length
    const head = await headOf(seen)
    return { ok: true, receipts, hidden: entries - receipts, head, witnesses: signatures, latest, problem: null }
  } catch (error) {
    if (!(error instanceof Broken)) throw error
    return { ok: false, receipts, hidden: null, head: null, witnesses: null, latest: null, problem: error.message }
  }
}

async function verified(bundle) {
  const [format, log, said, receipts] = shaped(
    bundle,
    { format: "text", log: "object", trees: "list", receipts: "list" },
    "the bundle",
    ["person"],
  )
  if (format !== FORMAT && format !== FORMER) throw new Broken(`this is no ${FORMAT}`)
  const beside = ["consistency", "witnesses", "witnessed"]
  const [text, checkpoint] = shaped(log, { key: "text", checkpoint: "text" }, "the log", beside)
  const key = await readKey(text)
  const [size, root] = await readCheckpoint(checkpoint, key)
  const opened = new Map()
  for (const [name, index, leaf] of await Promise.all(receipts.map(opening))) {
    if (!opened.has(name)) opened.set(name, new Map())
    if (opened.get(name).has(index)) throw new Broken(`two receipts claim place ${index} of tree ${name}`)
    opened.get(name).set(index, leaf)
  }
  const trees = new Map()
  for (const one of said) {
    const tree = await readTree(one, opened, size, root, format === FORMAT)
    if (trees.has(tree.name)) throw new Broken(`tree ${tree.name} is there twice`)
    trees.set(tree.name, tree)
  }
  for (const name of opened.keys()) if (!trees.has(name)) throw new Broken(`receipts of tree ${name} are in no tree`)
  return { format, log, key, size, root, trees, opened }
}

async function headOf({ key, size, root, trees, opened }) {
  const told = new Map()
  for (const [name, { leaves }] of trees) {
    const count = new Numeral(String(opened.get(name)?.size ?? 0))
    const sized = new Numeral(String(leaves.length))
    told.set(name, new Map([["size", sized], ["root", b64(await rootOf(leaves))], ["opened", count]]))
  }
  const log = new Map([["key", key.text], ["size", new Numeral(String(size))], ["root", b64(root)]])
  return packed(new Map([["log", log], ["trees", told]]))
}

async function opening(receipt) {
  const fields = { tree: "text", index: "size", key: "text", receipt: "object" }
  const [tree, index, key, said] = shaped(receipt, fields, "a receipt", [])
  named(tree, "a receipt's tree")
  return [tree, index, await leafHash(await hmac(hash(key, "a receipt's key"), bytes(canonical(said))))]
}

async function readTree(tree, receipts, logSize, logRoot, numbered) {
  const fields = { tree: "text", size: "size", root: "text", entry: "size", proof: "list" }
  const [name, size, said, entry, proof] = shaped(tree, fields, "a tree", ["number", "heads", "salt", "hidden"])
  named(name, "a tree")
  const opened = receipts.get(name) ?? new Map()
  const hidden = tree.has("hidden") ? tree.get("hidden") : new Map()
  if (!(hidden instanceof Map) || size === 0 || opened.size + hidden.size !== size)
    throw new Broken(`receipts of tree ${name} are missing, or are more than its size says`)
  const leaves = []
  for (let index = 0; index < size; index++) {
    if (opened.has(index)) leaves.push(opened.get(index))
    else if (hidden.has(String(index))) leaves.push(hash(hidden.get(String(index)), "a hidden leaf"))
    else throw new Broken(`receipt ${index} of tree ${name} is missing`)
  }
  const root = b64(await rootOf(leaves))
  if (root !== said) throw new Broken(`a receipt of tree ${name} was changed: its root is another`)
  const [number, heads] = numbered ? readHeads(tree, name, entry, size, receipts.has(name)) : [0, null]
  const key = heads === null ? hash(tree.get("salt"), "a salt") : await headKey(heads, number)
  const line = number ? `rapport-head/2\n${name}\n${number}` : `rapport-head/1\n${name}`
  const committed = await hmac(key, bytes(`${line}\n${size}\n${root}\n`))
  const way = proof.map((part) => hash(part, "a proof"))
  const leaf = await leafHash(number ? joined(key.slice(0, TAG), committed) : committed)
  if (!(await includes(entry, logSize, leaf, way, logRoot))) throw new Broken(`the head of tree ${name} is not in the log`)
  return { name, leaves, entry, number, heads }
}

const headKey = (heads, number) => hmac(heads, bytes(`rapport-head/2\n${number}\n`))

/** [number, key of heads] of a tree's head. The key is there, unless nothing of the tree is: it was erased too. */
function readHeads(tree, name, entry, size, shown) {
  const [number] = shaped(tree, { number: "size" }, "a tree")
  if (number > Math.min(entry, size) + 1) throw new Broken(`the head of tree ${name} has no number that it may have`)
  if (!tree.has("heads")) {
    if (shown) throw new Broken(`tree ${name} does not tell how its heads are found in the log`)
    return [number, null]
  }
  if (!number || tree.has("salt")) throw new Broken(`the head of tree ${name} is told in two ways`)
  return [number, hash(tree.get("heads"), "a key of heads")]
}

// -- since a head that was seen

async function logContinued(seen, oldSize, oldRoot) {
  if (seen.size < oldSize) throw new Broken(`the log was rolled back: it had ${oldSize} entries and has ${seen.size}`)
  const proofs = seen.log.get("consistency")
  const given = proofs instanceof Map ? proofs.get(String(oldSize)) : undefined
  const proof = given ?? (seen.size === oldSize ? [] : null)
  if (!Array.isArray(proof)) throw new Broken("the bundle holds no proof that it continues that head: ask for one since it")
  const way = proof.map((part) => hash(part, "a proof"))
  if (!(await continues(oldSize, seen.size, oldRoot, seen.root, way)))
    throw new Broken("the log does not continue the one seen before: it was rewritten")
}

async function continued(seen, since) {
  const [seenLog, seenTrees] = shaped(unpacked(since), { log: "object", trees: "object" }, "the head")
  const [key, oldSize, oldText] = shaped(seenLog, { key: "text", size: "size", root: "text" }, "the head's log")
  if (key.trim() !== seen.key.text.trim()) throw new Broken("the log is signed with another key than before")
  const oldRoot = hash(oldText, "the head's root")
  if (oldSize === 0 && seenTrees.size === 0 && same(oldRoot, await rootOf([]))) return
  await logContinued(seen, oldSize, oldRoot)
  for (const [name, tree] of seenTrees) {
    const [count, was] = shaped(tree, { size: "size", root: "text" }, "the head's tree")
    const leaves = seen.trees.get(name)?.leaves ?? []
    if (leaves.length < count)
      throw new Broken(`tree ${name} was rolled back: it had ${count} receipts and has ${leaves.length}`)
    if (b64(await rootOf(leaves.slice(0, count))) !== was)
      throw new Broken(`tree ${name} does not continue the one seen before: it was rewritten`)
    const [before] = tree.has("opened") ? shaped(tree, { opened: "size" }, "the head's tree") : [0]
    const shown = [...(seen.opened.get(name)?.keys() ?? [])].filter((index) => index < count).length
    // An erasure seals a tree as a whole; that some of its receipts are shown no more is none.
    if (shown > 0 && shown < before) throw new Broken(`receipts of tree ${name} are withheld: ${before} were shown, ${shown} are`)
  }
}

// -- witnesses

function texts(log, name) {
  const found = log.has(name) ? log.get(name) : []
  if (!Array.isArray(found) || found.length > MAX_NOTES || !found.every(KINDS.text))
    throw new Broken(`the log's ${name} are no list of texts`)
  return found
}

/** Who cosigned which checkpoint of the bundle, and when. `all`: all the heads shown are in it. */
async function cosignatures(seen) {
  const known = await Promise.all(texts(seen.log, "witnesses").map((text) => readKey(text, WITNESS)))
  const last = Math.max(-1, ...[...seen.trees.values()].map((tree) => tree.entry))
  const sizes = new Map([[seen.log.get("checkpoint"), seen.size]])
  for (const note of texts(seen.log, "witnessed")) {
    const [size, root] = await readCheckpoint(note, seen.key)
    await logContinued(seen, size, root)
    sizes.set(note, size)
  }
  const found = []
  for (const [note, size] of sizes) {
    const [body, signatures] = readNote(note)
    for (const one of signatures.filter((signature) => !by(signature, seen.key))) {
      const witness = known.findLast((key) => by(one, key))
      const at = witness ? await cosigned(body, one.signature, witness.key) : null
      if (at === null)
        throw new Broken("a checkpoint has a cosignature that is forged, or of a witness that the bundle does not name")
      found.push({ name: witness.name, key: witness.text, size, at, all: size > last })
    }
  }
  return found
}

/** Whether so many of the witnesses signed a checkpoint with all the heads. A key counts once, by whatever names. */
async function witnessed(signatures, witnesses, quorum) {
  const trusted = await Promise.all(witnesses.map((text) => readKey(text, WITNESS)))
  const agreed = await Promise.all(signatures.filter((one) => one.all).map((one) => readKey(one.key, WITNESS)))
  const keys = (some) => new Set(some.map((one) => b64(one.key)))
  const most = keys(trusted).size
  const count = keys(agreed.filter((one) => trusted.some((other) => by(one, other) && same(one.key, other.key)))).size
  const wanted = quorum ?? most
  if (!(0 < wanted && wanted <= most)) throw new Broken(`${wanted} of ${most} witnesses are asked for`)
  if (count < wanted)
    throw new Broken(`${count} of your witnesses signed a checkpoint with all the heads shown, and ${wanted} are needed`)
}

// -- the whole log

/** Walk the log as it is published: whether it is the bundle's, and has no newer head of the trees shown. */
async function newest(seen, read) {
  if (seen.format !== FORMAT)
    throw new Broken("its heads cannot be looked for in the log: it is of before they were numbered")
  const note = new TextDecoder().decode(await read("checkpoint"))
  const [until, root] = await readCheckpoint(note, seen.key)
  if (until === seen.size && !same(root, seen.root)) throw new Broken("the log published is not the bundle's")
  const marks = new Map([[until, root], [seen.size, seen.root]])
  const trees = [...seen.trees.values()].filter((tree) => tree.heads !== null)
  const found = new Map()
  const tags = new Map()
  for (const tree of trees) {
    const numbers = Array.from({ length: tree.number + 1 }, (_, at) => at + 1)
    tags.set(tree, await Promise.all(numbers.map(async (number) => hex((await headKey(tree.heads, number)).slice(0, TAG)))))
    for (const tag of tags.get(tree)) found.set(tag, [])
  }
  await walk(read, marks, found)
  let grown = 0
  for (const tree of trees) {
    const before = tags.get(tree).map((tag) => found.get(tag))
    const after = before.pop()
    if (after.some((at) => at < seen.size))
      throw new Broken(`the log has a newer head of tree ${tree.name} than the one shown`)
    const places = before.flat()
    const ordered = places.every((at, index) => index === 0 || places[index - 1] < at)
    if (!before.every((some) => some.length === 1) || !ordered || places.at(-1) !== tree.entry)
      throw new Broken(`the heads of tree ${tree.name} are not in the log one after another`)
    if (after.length) grown += 1
  }
  return { trees: trees.length, entries: seen.size, grown }
}

/** Take in all entries, and where tags are found; at each mark the entries are those that were signed. */
async function walk(read, marks, found) {
  const size = Math.max(...marks.keys())
  const right = []
  const held = async (at) => {
    if (marks.has(at) && !same(await rootAt(right), marks.get(at)))
      throw new Broken("the entries of the log published are not those that were signed")
  }
  for (let first = 0; first < size; first += TILE) {
    const some = await entriesOf(read, first, Math.min(TILE, size - first))
    const leaves = await Promise.all(some.map(leafHash))
    for (let index = 0; index < some.length; index++) {
      await held(first + index)
      await append(right, leaves[index])
      found.get(hex(some[index].slice(0, TAG)))?.push(first + index)
    }
  }
  await held(size)
}

/** The entries of a tile, as C2SP's tlog-tiles has them. */
async function entriesOf(read, first, width) {
  const digits = String(first / TILE)
  const parts = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/.{3}/g)
  const path = parts.map((part, at) => (at < parts.length - 1 ? `x${part}` : part)).join("/")
  const raw = await read(`tile/entries/${path}${width === TILE ? "" : `.p/${width}`}`)
  const found = []
  let at = 0
  while (found.length < width) {
    const end = at + 2 + ((raw[at] << 8) | raw[at + 1])
    if (at + 2 > raw.length || end > raw.length) throw new Broken(`tile ${path} of the log is cut off`)
    found.push(raw.subarray(at + 2, end))
    at = end
  }
  return found
}

const packed = (head) => b64(bytes(canonical(head))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")

function unpacked(text) {
  try {
    const raw = atob(text.replaceAll("-", "+").replaceAll("_", "/"))
    return parse(new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(raw, (one) => one.charCodeAt(0))))
  } catch {
    throw new Broken("what was seen before is no head")
  }
}

/** A head's part about the log alone, which is all that whoever proves continuation needs to know. */
export function ofLog(head) {
  try {
    return packed(new Map([["log", unpacked(head).get("log")], ["trees", new Map()]]))
  } catch {
    return ""
  }
}
