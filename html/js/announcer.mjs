/*
 * Tells screen readers which cameras went away or came back: only changes,
 * gathered for a moment, and only those that still hold then.
 */

import { cameraKind, reasonSentence } from './status.mjs';

const GATHER_MS = 2500;
const NAMES_MOST = 3;


function phrase(cameras, one, many) {
    const shown = cameras.slice(0, NAMES_MOST).map((c) => c.name).join(', ');
    const more = cameras.length - NAMES_MOST;
    const verb = cameras.length === 1 ? one : many;

    return more > 0 ? `${shown} and ${more} more ${verb}` : `${shown} ${verb}`;
}


export class Announcer {
    #region;
    #told = new Map();
    #cameras = [];
    #timer = 0;

    /* `region`: an element with aria-live="polite". */
    constructor(region) {
        this.#region = region;
    }

    say(text) {
        this.#region.textContent = text;
    }

    take(cameras) {
        const told = new Map();

        for (const camera of cameras) {
            told.set(camera.id, this.#told.get(camera.id)
                                ?? cameraKind(camera));
        }

        this.#told = told;
        this.#cameras = cameras;

        if (!this.#timer) {
            this.#timer = setTimeout(() => this.#tell(), GATHER_MS);
        }
    }

    #tell() {
        const away = this.#turned('away', ['live', 'waiting']);
        const back = this.#turned('live', ['away']);
        const sentences = [];

        this.#timer = 0;
        this.#turned('live', ['waiting']);

        if (away.length === 1) {
            sentences.push(`${away[0].name} is away. `
                           + reasonSentence(away[0]));

        } else if (away.length > 1) {
            sentences.push(phrase(away, 'is away.', 'are away.'));
        }

        if (back.length > 0) {
            sentences.push(phrase(back, 'is live again.', 'are live again.'));
        }

        if (sentences.length > 0) {
            this.say(sentences.join(' '));
        }
    }

    /* Those of this kind that were told as one of the others; told now. */
    #turned(kind, from) {
        const turned = this.#cameras.filter(
            (c) => cameraKind(c) === kind
                && from.includes(this.#told.get(c.id)));

        for (const camera of turned) {
            this.#told.set(camera.id, kind);
        }

        return turned;
    }
}
