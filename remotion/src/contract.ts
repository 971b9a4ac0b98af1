/** What the render server asks of the compositions: plain Node, no browser, no React. */
import {checkedProps, checkProps as allWrong, sentence} from './props/check';
import {TEMPLATES, type AnyProps, type CompositionName} from './props/models';

export {BadInput, sentence, type Wrong} from './props/check';
export {checkMedia, cutList, wholeRate, type Measured, type Media} from './props/film';
export {dimensions, FORMATS, QUALITIES, type Format, type Quality} from './props/formats';
export {defaultLength, OPENING_S, scenesOf} from './props/length';
export {pathsOf, withPaths, type NamedPath} from './props/paths';
export {allWrong};

/** From the names of orders to composition ids. */
export const compositions: Record<string, CompositionName> = TEMPLATES;

/** The names of orders, as `/health` tells them. */
export const templates = Object.keys(TEMPLATES).sort();

export type Checked = {ok: true; props: AnyProps} | {ok: false; field: string; message: string};

/** The template's props with defaults, or the first that is wrong in the embedded server's words. */
export function checkProps(template: string, given: unknown): Checked {
  const [first] = allWrong(template, given);
  if (first) return {ok: false, field: first.field, message: sentence(first)};
  return {ok: true, props: checkedProps(template, given)};
}
