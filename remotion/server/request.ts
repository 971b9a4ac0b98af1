/** What a POST /render may ask for, checked as far as that needs no look into files. */
import {
  checkProps,
  dimensions,
  FORMATS,
  pathsOf,
  QUALITIES,
  templates,
  withPaths,
  type Format,
  type Quality,
} from '../src/contract';
import type {AnyProps} from '../src/props/models';
import {badInput} from './failure';
import {asset, outputPath, type Places} from './places';

export const CONTAINERS = ['mp4', 'webm', 'gif', 'jpg'] as const;
export type Container = (typeof CONTAINERS)[number];

export interface Order {
  id: string;
  template: string;
  format: Format;
  quality: Quality;
  container: Container;
  width: number;
  height: number;
  props: AnyProps;
  output: string;
}

type Body = Record<string, unknown>;

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** A checked order; RenderFailed(input) names the first field that is wrong. */
export function order(body: unknown, places: Places): Order {
  if (!isObject(body)) throw badInput('body', 'is not a JSON object', 'an object with id, template, …');
  const template = text(body, 'template', '');
  if (!templates.includes(template)) {
    throw badInput(
      'template',
      template ? `'${template.slice(0, 60)}' is unknown` : 'is missing',
      templates.join(', '),
    );
  }
  const format = member('format', text(body, 'format', 'full_16_9'), FORMATS);
  const container = containerFor(format, text(body, 'container', 'mp4'));
  const props = propsOf(template, {...mapping(body, 'props'), ...assets(body)}, places);
  const id = renderId(body);
  const quality = member('quality', text(body, 'quality', '720p'), QUALITIES);
  const output = outputPath(text(body, 'output_path', ''), container, places.renders);
  return {id, template, format, quality, container, ...dimensions(format, quality), props, output};
}

export function isObject(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function propsOf(template: string, given: Body, places: Places): AnyProps {
  const checked = checkProps(template, given);
  if (!checked.ok) {
    const {field, message} = checked;
    throw message.startsWith(`${field}: `)
      ? badInput(field, message.slice(field.length + 2))
      : badInput(field, message);
  }
  const real = new Map(
    pathsOf(checked.props).map(({field, path}) => [field, asset(field, path, places.assets)]),
  );
  return withPaths(checked.props, (field, path) => real.get(field) ?? path);
}

function text(body: Body, field: string, otherwise: string): string {
  const value = body[field] ?? otherwise;
  if (typeof value !== 'string') throw badInput(field, `is ${kind(value)}`, 'text');
  return value;
}

function renderId(body: Body): string {
  const value = text(body, 'id', '');
  if (ID.test(value)) return value;
  const problem = value ? `'${value.slice(0, 60)}' cannot be used` : 'is missing';
  throw badInput('id', problem, '1 to 100 letters, digits, dots, dashes, underscores');
}

/** A thumbnail is a jpg whatever was said, and only it is. */
function containerFor(format: Format, value: string): Container {
  const container = member('container', value, CONTAINERS);
  if (format === 'thumbnail') return 'jpg';
  if (container === 'jpg') throw badInput('container', "'jpg' is for format thumbnail", 'mp4, webm, gif');
  return container;
}

function member<T extends string>(field: string, value: string, known: readonly T[]): T {
  const found = known.find((one) => one === value);
  if (found) return found;
  throw badInput(field, `'${value.slice(0, 60)}' is unknown`, known.join(', '));
}

function mapping(body: Body, field: string): Body {
  const value = body[field] ?? {};
  if (!isObject(value)) throw badInput(field, `is ${kind(value)}`, 'a JSON object');
  return value;
}

/** Named paths, merged into the props under their names. */
function assets(body: Body): Body {
  const found = mapping(body, 'assets');
  for (const [name, value] of Object.entries(found)) {
    const paths: unknown[] = Array.isArray(value) ? value : [value];
    if (!paths.every((one) => typeof one === 'string')) {
      throw badInput(`assets.${name.slice(0, 60)}`, 'is not a path', 'text');
    }
  }
  return found;
}

function kind(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
