/** Props checked before anything is rendered, in plain Node or in the browser. */
import type {z} from 'zod';
import {clip, MODELS, TEMPLATES, type AnyProps} from './models';

/** One wrong field: `field: message (allowed: …)` is what people read. */
export interface Wrong {
  field: string;
  message: string;
  allowed: string;
}

/** A wrong field as an error; its message begins with the field's name. */
export class BadInput extends Error {
  constructor(readonly wrong: Wrong) {
    super(sentence(wrong));
    this.name = 'BadInput';
  }
}

/** The wrong field as one sentence. */
export function sentence({field, message, allowed}: Wrong): string {
  return `${field}: ${message}${allowed ? ` (allowed: ${allowed})` : ''}`;
}

/** All that is wrong with a template's props, the first one first; null is not given. */
export function checkProps(template: string, given: unknown): Wrong[] {
  const name = known(template);
  if (!name) return [unknownTemplate(template)];
  if (!isObject(given)) {
    return [{field: 'props', message: `is ${kind(given)}`, allowed: 'a JSON object'}];
  }
  const bare = withoutNulls(given);
  const result = MODELS[name].safeParse(bare);
  if (result.success) return [];
  const said = new Map<string, Wrong>();
  for (const issue of result.error.issues) {
    const wrong = inOurWords(MODELS[name].shape, issue, bare);
    if (!said.has(wrong.field)) said.set(wrong.field, wrong);
  }
  return [...said.values()];
}

/** The template's props with their defaults; BadInput names the first that is wrong. */
export function checkedProps(template: string, given: unknown): AnyProps {
  const first = checkProps(template, given)[0];
  const name = known(template);
  if (first || !name) throw new BadInput(first ?? unknownTemplate(template));
  return MODELS[name].parse(withoutNulls(given as Given)) as AnyProps;
}

type Given = Record<string, unknown>;

function known(template: string): (typeof TEMPLATES)[string] | undefined {
  return Object.hasOwn(TEMPLATES, template) ? TEMPLATES[template] : undefined;
}

function unknownTemplate(template: string): Wrong {
  const message = template ? `'${template.slice(0, 60)}' is unknown` : 'is missing';
  return {field: 'template', message, allowed: Object.keys(TEMPLATES).sort().join(', ')};
}

/** What is null counts as not given, in the props and in each clip. */
function withoutNulls(given: Given): Given {
  const kept = fields(given);
  if (Array.isArray(kept['clips'])) {
    kept['clips'] = kept['clips'].map((item: unknown) => (isObject(item) ? fields(item) : item));
  }
  return kept;
}

function fields(given: Given): Given {
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== null && value !== undefined),
  );
}

function inOurWords(shape: z.ZodRawShape, issue: z.core.$ZodIssue, given: Given): Wrong {
  const [name = '', ...inside] = issue.path;
  let field = `props.${String(name)}`;
  let described = shape[String(name)];
  let value: unknown = given[String(name)];
  for (const part of inside) {
    field += typeof part === 'number' ? `[${part}]` : `.${String(part)}`;
    if (typeof part === 'string') described = (clip.shape as z.ZodRawShape)[part];
    value = (value as Given | undefined)?.[part as string];
  }
  const allowed = description(described);
  return {field, message: value === undefined ? 'is missing' : `is ${shown(value)}`, allowed};
}

function description(schema: z.core.$ZodType | undefined): string {
  return (schema as z.ZodType | undefined)?.description ?? '';
}

/** A value short enough for one line. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isObject(value)) return 'an object';
  return typeof value === 'string' ? `'${value.slice(0, 60)}'` : String(value);
}

function kind(value: unknown): string {
  return Array.isArray(value) ? 'a list' : value === null ? 'null' : typeof value;
}

function isObject(value: unknown): value is Given {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
