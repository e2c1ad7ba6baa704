/*
 * The list of cameras as the server tells it, asked for every two seconds
 * while the page is looked at.
 */

import { readProblem } from './problem.mjs';

const POLL_MS = 2000;
const RETRY_MS = 1000;
const ANSWER_MS = 5000;
const byName = new Intl.Collator('en', { numeric: true });
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;


function text(value) {
    return typeof value === 'string' ? value : '';
}


function number(value) {
    return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}


/* One entry of the list with every field of the type it should have. */
function readCamera(entry) {
    return {
        id: entry.id,
        name: text(entry.name) || entry.id,
        state: text(entry.state),
        reason: text(entry.reason),
        detail: text(entry.detail),
        codec: text(entry.codec),
        owner: text(entry.owner),
        claimedTwice: text(entry.claimed_twice),
        substream: text(entry.substream),
        hasSmall: Array.isArray(entry.renditions)
            && entry.renditions.includes('small'),
        width: number(entry.width),
        height: number(entry.height),
        fps: number(entry.fps),
        kbps: number(entry.kbps),
        viewers: number(entry.viewers),
        stale: entry.stale === true,
    };
}


/* Sorted by name; the server's order is none. */
export function readCameras(body) {
    const entries = Array.isArray(body?.cameras) ? body.cameras : [];

    return entries.filter((e) => typeof e?.id === 'string' && ID.test(e.id))
        .map(readCamera)
        .sort((a, b) => byName.compare(a.name, b.name)
                        || (a.id < b.id ? -1 : 1));
}


/*
 * onChange(cameras) after every answer; onProblem(problem), with status 0
 * where nobody answered, and onProblem(null) once it answers again.
 */
export class CameraList {
    #url;
    #onChange;
    #onProblem;
    #timer = 0;
    #abort = null;

    constructor(url, { onChange, onProblem }) {
        this.#url = url;
        this.#onChange = onChange;
        this.#onProblem = onProblem;
    }

    /* Asks now, and goes on asking. */
    start() {
        this.stop();
        this.#ask();
    }

    stop() {
        clearTimeout(this.#timer);
        this.#abort?.abort();
        this.#abort = null;
    }

    async #ask() {
        const abort = new AbortController();
        const timeout = setTimeout(() => abort.abort(), ANSWER_MS);
        let problem = { status: 0, title: '', detail: '' };

        this.#abort = abort;

        try {
            const response = await fetch(this.#url, {
                signal: abort.signal,
                cache: 'no-store',
            });

            problem = await this.#read(response, abort);

        } catch {
            /* Nobody answered. */
        }

        clearTimeout(timeout);

        if (this.#abort === abort) {
            this.#timer = setTimeout(() => this.#ask(),
                                     problem ? RETRY_MS : POLL_MS);
            this.#onProblem(problem);
        }
    }

    async #read(response, abort) {
        if (!response.ok) {
            return readProblem(response);
        }

        const cameras = readCameras(await response.json());

        if (this.#abort === abort) {
            this.#onChange(cameras);
        }

        return null;
    }
}
