"use strict";
const model = JSON.parse(document.getElementById("model").textContent);
const form = document.getElementById("form"), out = document.getElementById("out");
const make = (tag, text, kind) => {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (kind) node.className = kind;
  return node;
};
const fields = new Map();
model.columns.forEach((column, k) => {
  const label = make("label", column.name), hint = make("span", column.says, "hint");
  let field;
  if (column.kind === "bool") {
    field = make("select");
    for (const [value, text] of [["", "not known"], ["true", "true"], ["false", "false"]]) {
      const option = make("option", text);
      option.value = value;
      field.append(option);
    }
  } else {
    field = make("input");
    field.type = "text";
    field.autocomplete = "off";
    field.spellcheck = false;
    if (column.kind === "number" || column.kind === "clock") field.inputMode = "decimal";
    if (column.levels.length) {
      const list = make("datalist");
      list.id = "levels" + k;
      for (const level of column.levels) {
        const option = make("option");
        option.value = level;
        list.append(option);
      }
      field.setAttribute("list", list.id);
      form.append(list);
    }
  }
  field.id = "field" + k;
  label.htmlFor = field.id;
  hint.id = "hint" + k;
  const problem = make("p", "", "bad");
  problem.id = "problem" + k;
  problem.hidden = true;
  field.setAttribute("aria-describedby", hint.id + " " + problem.id);
  if (column.typical !== null) field.value = String(column.typical);
  label.append(hint);
  form.append(label, field, problem);
  fields.set(column.name, { column, field, problem });
});
const button = make("button", "Ask");
button.type = "submit";
form.append(button);

function read({ column, field }) {
  const text = field.value;
  if (text.trim() === "") return null;
  if (column.kind === "bool") return text === "true";
  if (column.kind === "number" || column.kind === "clock") {
    const value = Number(text.trim());
    return Number.isFinite(value) ? value : text;
  }
  if (column.kind === "date" && /^[+-]?\d+(\.\d+)?$/.test(text.trim())) return Number(text.trim());
  return text;
}
function complain(name, text) {
  const there = fields.get(name);
  if (!there) return false;
  there.problem.textContent = text;
  there.problem.hidden = false;
  there.field.setAttribute("aria-invalid", "true");
  return true;
}
function bar(name, share) {
  const row = make("div", undefined, "bar"), meter = make("meter");
  meter.max = 1;
  meter.value = share;
  meter.setAttribute("aria-label", name);
  row.append(make("span", name), meter, make("span", (100 * share).toFixed(1) + " %"));
  return row;
}
function shown(value) {
  return typeof value === "number" ? Number(value.toPrecision(6)).toString() : String(value);
}
async function ask(path, row) {
  const response = await fetch(new URL(path, location.origin + location.pathname), {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ rows: [row] }),
  });
  const doc = await response.json().catch(() => ({ error: "the service gave no readable answer" }));
  return { ok: response.ok, doc };
}
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  for (const { field, problem } of fields.values()) {
    field.removeAttribute("aria-invalid");
    problem.hidden = true;
  }
  const row = Object.fromEntries([...fields].map(([name, entry]) => [name, read(entry)]));
  button.disabled = true;
  try {
    const { ok, doc } = await ask("predict", row);
    if (!ok) {
      out.replaceChildren(make("p", doc.error, "bad"));
      for (const field of doc.fields || []) complain(field.column, field.reason);
      out.parentElement.scrollIntoView({ block: "nearest" });
      return;
    }
    const answer = doc.predictions[0], parts = [make("p", shown(answer.prediction), "big")];
    if (doc.fallback) parts.push(make("p", "The model itself failed; this is the answer of: " + doc.fallback, "bad"));
    if (answer.decision !== undefined) parts.push(make("p", "By the costs of errors: " + answer.decision));
    for (const [name, share] of Object.entries(answer.probabilities || {})) parts.push(bar(name, share));
    const percent = doc.coverage === undefined ? "" : Number((100 * doc.coverage).toPrecision(4)) + " %";
    if (percent && answer.set) {
      const said = answer.probabilities ? (answer.set.join(", ") || "no class fits") : answer.set.map(shown).join(" to ");
      parts.push(make("p", "The truth lies here for " + percent + " of rows: " + said));
    }
    for (const why of answer.odd_because || []) parts.push(make("p", "Odd: " + why.column + ": " + why.reason, "bad"));
    const reasons = make("div");
    parts.push(reasons, make("p", doc.model.name + " " + doc.model.version + ", " + doc.model.digest.slice(0, 12) + ", request " + doc.id, "quiet"));
    out.replaceChildren(...parts);
    out.parentElement.scrollIntoView({ block: "nearest" });
    const told = await ask("explain?n=5", row);
    if (told.ok) {
      const one = told.doc.explanations[0], list = make("ul");
      const said = one.of ? (share) => (100 * share).toFixed(1) + " %" : shown;
      reasons.append(make("h3", "Why"), make("p", (one.of ? one.of + ": usually " : "Usually ") + said(one.usual) + ", here " + said(one.output), "quiet"));
      for (const reason of one.reasons) list.append(make("li", reason, /\(-[^()]*\)$/.test(reason) ? "down" : "up"));
      reasons.append(list);
    }
  } catch (error) {
    out.replaceChildren(make("p", "The service cannot be reached.", "bad"));
  } finally {
    button.disabled = false;
  }
});

function card(text) {
  const place = document.getElementById("card");
  let list = null, table = null;
  const plain = (line) => line.replace(/\*\*/g, "").replace(/`/g, "").replace(/\\([\\`*_{}[\]()#+.!|<>~-])/g, "$1");
  for (const line of text.split("\n")) {
    if (!line.startsWith("- ")) list = null;
    if (!line.startsWith("|")) table = null;
    const heading = /^(#{1,4}) (.*)$/.exec(line);
    if (heading) {
      if (heading[1].length > 1) place.append(make("h3", plain(heading[2])));
    } else if (line.startsWith("- ")) {
      if (!list) place.append((list = make("ul")));
      list.append(make("li", plain(line.slice(2))));
    } else if (line.startsWith("|")) {
      if (/^\|[\s:|-]+\|$/.test(line)) continue;
      const first = !table;
      if (first) place.append((table = make("table")));
      const row = make("tr");
      for (const cell of line.slice(1).replace(/\|\s*$/, "").split(/(?<!\\)\|/)) row.append(make(first ? "th" : "td", plain(cell.trim())));
      table.append(row);
    } else if (line.trim()) place.append(make("p", plain(line)));
  }
}
card(model.card);
