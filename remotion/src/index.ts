/** The bundle's entry. */
import {registerRoot} from 'remotion';
import {Root} from './Root';

registerRoot(Root);
