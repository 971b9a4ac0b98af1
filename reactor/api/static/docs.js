// Shows openapi.json as a page, without anything from elsewhere.

import { element, say } from "./cards.js";

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

function resolve(schema, spec) {
  const ref = schema?.$ref || schema?.items?.$ref;
  return ref ? spec.components.schemas[ref.split("/").pop()] : schema;
}

function fields(schema, spec, depth = 0) {
  const rows = element("dl", "fields");
  for (const [name, part] of Object.entries(schema?.properties || {})) {
    const said = part.description ? ` – ${part.description}` : "";
    const about = element("dd", "", element("span", "soft", typeName(part, spec) + said));
    const inner = resolve(part, spec);
    if (inner !== part && inner?.properties && depth < DEEPEST) about.append(fields(inner, spec, depth + 1));
    rows.append(element("dt", "", element("code", "", name)), about);
  }
  return rows;
}

function answers(operation, spec) {
  return Object.entries(operation.responses)
    .filter(([code]) => code !== "422")
    .map(([code, answer]) => {
      const schema = Object.values(answer.content || {})[0]?.schema;
      const inner = resolve(schema, spec);
      const head = element("p", "", element("code", "", code), ` ${answer.description}`);
      if (code !== "200" || !inner?.properties) return head;
      const more = element("details", "", element("summary", "", typeName(schema, spec)), fields(inner, spec));
      return element("div", "", head, more);
    });
}

function panel(method, path, operation, spec) {
  const head = element("h3", "", element("span", "tag", method.toUpperCase()), element("code", "", path));
  const made = element("section", "panel", head, element("p", "", operation.description || operation.summary || ""));
  for (const parameter of operation.parameters || []) {
    const said = parameter.description || typeName(parameter.schema, spec);
    made.append(element("p", "", element("code", "", parameter.name), ` ${said}`));
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
