// The form of a destination: names of events and, behind each `=`, what can stand in an expression, from the data.
// Without this, the form works all the same.
"use strict"
{
  const said = one("[data-told]")
  const line = (before) => before.lastIndexOf("\n") + 1
  const field = (before) => {
    const equals = before.indexOf("=", line(before))
    return equals < 0 ? null : { before: before.slice(equals + 1), at: equals + 1 }
  }
  // An event is named here without quotes: as if it stood in count("…").
  const CALL = "count("
  const event = (before) => {
    const start = line(before)
    const begun = before.slice(start).replaceAll("\\", "\\\\").replaceAll('"', '\\"')
    return { before: `${CALL}"${begun}`, at: start - CALL.length }
  }
  const bare = (name) => {
    try {
      const words = JSON.parse(name)
      return words === "*" ? "" : words
    } catch { return "" }
  }
  completing(one("#fields"), one("#fields-completions"), said, { of: field })
  completing(one("#events"), one("#events-completions"), said, { of: event, word: bare })
  one(".destination-form").dataset.ready = ""
}
