// A request as one would type it, made from the examples in openapi.json.

const DEEPEST = 4;
const PLAIN = { string: "text", integer: 1, number: 1, boolean: true };

export function resolve(schema, spec) {
  const ref = schema?.$ref || schema?.items?.$ref;
  return ref ? spec.components.schemas[ref.split("/").pop()] : schema;
}

// What a value of this schema may look like: its own example before one that only fits its type.
export function example(schema, spec, depth = 0) {
  if (!schema || depth > DEEPEST) return null;
  if (schema.$ref) return example(resolve(schema, spec), spec, depth);
  const said = schema.example ?? schema.examples?.[0] ?? schema.enum?.[0] ?? schema.const;
  if (said !== undefined) return said;
  if (schema.anyOf) return example(schema.anyOf.find((part) => part.type !== "null"), spec, depth);
  if (schema.type === "array") return [example(schema.items, spec, depth + 1)];
  if (schema.type === "object") return object(schema, spec, depth);
  return schema.default ?? PLAIN[schema.type] ?? null;
}

// The fields that must be there, and those that somebody gave an example for.
function object(schema, spec, depth) {
  const made = {};
  for (const [name, part] of Object.entries(schema.properties || {})) {
    if (schema.required?.includes(name) || part.examples) made[name] = example(part, spec, depth + 1);
  }
  return made;
}

function address(path, operation, spec) {
  const inPath = (operation.parameters || []).filter((one) => one.in === "path");
  const value = (one) => encodeURIComponent(one.example ?? example(one.schema, spec));
  return inPath.reduce((made, one) => made.replace(`{${one.name}}`, value(one)), path);
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function form(schema, spec) {
  const fields = Object.entries(example(schema, spec));
  const parts = fields.flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  const binary = (name) => {
    const part = schema.properties[name];
    return [part, part.items].some((one) => one?.format === "binary" || one?.contentMediaType);
  };
  return parts.map(([name, one]) => `-F ${quoted(binary(name) ? `${name}=@file` : `${name}=${one}`)}`);
}

function body(type, schema, spec) {
  if (type === "multipart/form-data") return form(resolve(schema, spec), spec);
  return [`-H 'Content-Type: ${type}'`, `-d ${quoted(JSON.stringify(example(schema, spec)))}`];
}

// One command for each type of body the operation takes; one without a body when it takes none.
export function curls(method, path, operation, spec, origin) {
  const verb = method === "get" ? "" : ` -X ${method.toUpperCase()}`;
  const shown = spec.components.securitySchemes ? ` -H "Authorization: Bearer $REACTOR_TOKEN"` : "";
  const start = `curl${verb}${shown} ${origin}${address(path, operation, spec)}`;
  const content = Object.entries(operation.requestBody?.content || {});
  if (!content.length) return [start];
  return content.map(([type, { schema }]) => [start, ...body(type, schema, spec)].join(" \\\n  "));
}
