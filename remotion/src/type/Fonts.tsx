/** Loads the typefaces that the texts need before anything is drawn: letters never swap later. */
import {useEffect, useState, type ReactNode} from 'react';
import {cancelRender, useDelayRender} from 'remotion';
import text from '../../../reactor/renderserver/fonts/Inter-Medium.otf';
import display from '../../../reactor/renderserver/fonts/InterDisplay-Bold.otf';
import dejavu from '../../../reactor/renderserver/fonts/DejaVuSans-Bold.ttf';
import droid from '../../../reactor/renderserver/fonts/DroidSansFallback.ttf';
import emoji from '../../../reactor/renderserver/fonts/NotoEmoji-Bold.ttf';
import arabic from '../../../reactor/renderserver/fonts/NotoSansArabic-Bold.ttf';
import devanagari from '../../../reactor/renderserver/fonts/NotoSansDevanagari-Bold.ttf';
import hebrew from '../../../reactor/renderserver/fonts/NotoSansHebrew-Bold.ttf';
import thai from '../../../reactor/renderserver/fonts/NotoSansThai-Bold.ttf';
import {facesFor, type Face} from './faces';

const ADDRESSES: Record<Face, string> = {
  display,
  text,
  arabic,
  dejavu,
  devanagari,
  droid,
  emoji,
  hebrew,
  thai,
};
const loading = new Map<Face, Promise<void>>();

/** A typeface of ours under a name that no typeface of the machine has. */
export function family(face: Face): string {
  return `reactor-${face}`;
}

/** Draws its children once the typefaces for these texts are there. */
export function Fonts({texts, children}: {texts: readonly string[]; children: ReactNode}) {
  const [ready, setReady] = useState(false);
  const {delayRender, continueRender} = useDelayRender();
  const [handle] = useState(() => delayRender('loading typefaces'));
  const needed = facesFor(texts).join(' ');
  useEffect(() => {
    const faces = needed.split(' ') as Face[];
    Promise.all(faces.map(loaded))
      .then(() => {
        setReady(true);
        continueRender(handle);
      })
      .catch((error: unknown) => {
        cancelRender(error);
      });
  }, [needed, handle, continueRender]);
  return ready ? <>{children}</> : null;
}

function loaded(face: Face): Promise<void> {
  const known = loading.get(face);
  if (known) return known;
  const font = new FontFace(family(face), `url(${JSON.stringify(ADDRESSES[face])})`);
  const promise = font.load().then((done) => {
    document.fonts.add(done);
  });
  loading.set(face, promise);
  return promise;
}
