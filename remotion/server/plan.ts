/** An order whose files were looked at: which composition, how large, how long, and its props. */
import {checkMedia, compositions, cutList, defaultLength, withPaths, type Media} from '../src/contract';
import type {AnyProps, EdlCutProps} from '../src/props/models';
import {badInput, RenderFailed} from './failure';
import {LOOK_S, lookAtImage, measureFilm, measureSound} from './media';
import type {Shelf} from './files';
import type {Order} from './request';

export interface Plan {
  order: Order;
  composition: string;
  fps: number;
  frames: number;
  /** Everything the composition is told; paths are still those of files. */
  props: Record<string, unknown>;
}

const GIF_FPS = 15;

/** Looks into the order's files; RenderFailed(input) names what is wrong, and it takes no more than LOOK_S. */
export async function plan(order: Order): Promise<Plan> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new RenderFailed('stall', `its files were not read within ${LOOK_S} s`));
    }, LOOK_S * 1000);
  });
  try {
    return await Promise.race([decided(order), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function decided(order: Order): Promise<Plan> {
  const composition = compositions[order.template];
  if (!composition) throw badInput('template', `'${order.template}' is unknown`);
  const {props, fps, duration_s} = await measured(order);
  const rate = order.container === 'gif' ? Math.min(fps, GIF_FPS) : fps;
  const frames = Math.max(1, Math.round(duration_s * rate));
  const {width, height, format, quality, container} = order;
  return {
    order,
    composition,
    fps: rate,
    frames,
    props: {...props, format, quality, container, width, height, fps: rate, duration_s, frames},
  };
}

async function measured(order: Order): Promise<{props: object; fps: number; duration_s: number}> {
  const {props} = order;
  await Promise.all((props.images ?? []).map((path, index) => lookAtImage(`props.images[${index}]`, path)));
  const sound_s = props.audio === undefined ? null : await measureSound('props.audio', props.audio);
  if (!isEdlCut(props)) {
    return {
      props,
      fps: props.fps,
      duration_s: props.duration_s ?? defaultLength(order.template, props, sound_s),
    };
  }
  const media = await films(props.clips.map((clip) => clip.source));
  const [wrong] = checkMedia(props, media);
  if (wrong) throw badInput(wrong.field, wrong.message, wrong.allowed);
  const {fps, duration_s} = cutList(props, media);
  const clips = props.clips.map((clip) => {
    const film = media[clip.source];
    return {...clip, out_s: clip.out_s ?? film?.duration_s, has_sound: film?.has_sound ?? false};
  });
  return {props: {...props, clips}, fps, duration_s};
}

function isEdlCut(props: AnyProps | EdlCutProps): props is EdlCutProps {
  return 'clips' in props && Array.isArray(props.clips);
}

/** Every film once, one after another: a cut may name a hundred. */
async function films(paths: string[]): Promise<Media> {
  const media: Media = {};
  for (const [index, path] of paths.entries())
    media[path] ??= await measureFilm(`props.clips[${index}].source`, path);
  return media;
}

/** The props as the browser gets them: files by the addresses they are served at. */
export function served({props}: Plan, shelf: Shelf): Record<string, unknown> {
  return {...withPaths(props as unknown as AnyProps, (_field, file) => shelf.address(file))};
}
