// Shows openapi.json as a page, without anything from elsewhere.

import { element, say } from "./cards.js";
import { curls, resolve } from "./curl.js";

const at = (id) => document.getElementById(id);
const DEEPEST = 3;

function typeName(schema, spec) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map((part) => typeName(part, spec)).join(" or ");
  if (schema.type === "array") return `list of ${typeName(schema.items, spec)}`;
  if (schema.enum) return schema.enum.join(", ");
  return schema.format || schema.type || "anything";
}

function fields(schema, spec, depth = 0) {
  const rows = element("dl", "fields");
  const required = new Set(schema?.required);
  for (const [name, part] of Object.entries(schema?.properties || {})) {
    const said = part.description ? ` – ${part.description}` : "";
    const about = element("dd", "", element("span", "soft", typeName(part, spec) + said));
    const inner = resolve(part, spec);
    if (inner !== part && inner?.properties && depth < DEEPEST) about.append(fields(inner, spec, depth + 1));
    const must = required.has(name) ? " *" : "";
    rows.append(element("dt", "", element("code", "", name), must), about);
  }
  return rows;
}

function named(schema, spec) {
  const inner = resolve(schema, spec);
  if (!inner?.properties) return element("p", "", typeName(schema, spec));
  const shown = schema.$ref ? typeName(schema, spec) : "Fields";
  return element("details", "", element("summary", "", shown), fields(inner, spec));
}

function asked(operation, spec) {
  return Object.entries(operation.requestBody?.content || {}).map(([type, { schema }]) =>
    element("div", "", element("p", "", element("code", "", type)), named(bodySchema(schema), spec)),
  );
}

// A body that may be left out is shown as what it is when it is there.
function bodySchema(schema) {
  return schema.anyOf?.find((part) => part.type !== "null") || schema;
}

function answers(operation, spec) {
  return Object.entries(operation.responses)
    .map(([code, answer]) => {
      const schema = Object.values(answer.content || {})[0]?.schema;
      const inner = resolve(schema, spec);
      const head = element("p", "", element("code", "", code), ` ${answer.description}`);
      if (!code.startsWith("2") || !inner?.properties) return head;
      return element("div", "", head, named(schema, spec));
    });
}

function panel(method, path, operation, spec) {
  const head = element("h3", "", element("span", "tag", method.toUpperCase()), element("code", "", path));
  const made = element("section", "panel", head, element("p", "", operation.description || operation.summary || ""));
  for (const parameter of operation.parameters || []) {
    const said = parameter.description || typeName(parameter.schema, spec);
    made.append(element("p", "", element("code", "", parameter.name), ` ${said}`));
  }
  made.append(...asked(operation, spec));
  for (const command of curls(method, path, operation, spec, location.origin)) {
    made.append(element("div", "code", element("pre", "", command)));
  }
  made.append(...answers(operation, spec));
  if (method === "get" && !(operation.parameters || []).length) {
    const link = element("a", "", "Try it");
    link.href = path;
    made.append(element("p", "", link));
  }
  return made;
}

const spec = await (await fetch("/openapi.json")).json();
say(at("version"), spec.info.version);
say(at("description"), spec.info.description);
for (const [path, operations] of Object.entries(spec.paths)) {
  for (const [method, operation] of Object.entries(operations)) {
    at("operations").append(panel(method, path, operation, spec));
  }
}
