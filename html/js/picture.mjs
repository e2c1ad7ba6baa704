/*
 * One camera's picture on the page: JPEG bytes to a canvas, newest first.
 * While one picture is decoded the newest that arrived waits, and replaces
 * the one that waited before it; nothing else is kept.
 */

import { jpegSize } from './jpeg.mjs';

const SIZE_STEP = 64;
const LATE_LEAST_MS = 3000;
const LATE_INTERVALS = 3;
const INTERVAL_MOST_MS = 60000;


/* X-Frame-Id, `<epoch>-<seq>`, as numbers; null where there is none. */
function readFrameId(part) {
    const match = /^([0-9]{1,15})-([0-9]{1,15})$/
        .exec(part.headers.get('x-frame-id') ?? '');

    return match && { epoch: Number(match[1]), seq: Number(match[2]) };
}


function isNewer(id, than) {
    return !than || id.epoch > than.epoch
        || (id.epoch === than.epoch && id.seq > than.seq);
}


export class Picture {
    #canvas;
    #context;
    #decoding = false;
    #waiting = null;
    #newest = null;
    #askedMs = 0;
    #capturedMs = NaN;
    #intervalMs = 0;
    #life = 0;
    #size = null;

    constructor(canvas) {
        this.#canvas = canvas;
        this.#context = canvas.getContext('2d', { alpha: false });
    }

    /* How old the picture on the canvas is; NaN while there is none. */
    get ageMs() {
        return performance.now() - this.#capturedMs;
    }

    /* True while the picture is as new as the stream's pace allows. */
    get fresh() {
        return this.ageMs <= this.#patienceMs;
    }

    /* True where the next picture was asked for and should have come by now. */
    get late() {
        return !this.fresh
            && performance.now() - this.#askedMs > this.#patienceMs;
    }

    /* {width, height} as the camera sent it, or null. */
    get size() {
        return this.#size;
    }

    /* Pictures are asked for from now on. */
    ask() {
        this.#askedMs = performance.now();
    }

    /* Takes one part of a stream; may be called faster than it can draw. */
    show(part) {
        const id = readFrameId(part);

        /* A placeholder is no camera's picture: the page has words for that. */
        if (!id) {
            return;
        }

        /* The same again, or one that a former connection still brought. */
        if (!isNewer(id, this.#newest)) {
            return;
        }

        const ageMs = Number(part.headers.get('x-frame-age-ms') ?? 0) || 0;

        this.#newest = id;
        this.#waiting = {
            jpeg: part.body,
            capturedMs: performance.now() - ageMs,
        };

        if (!this.#decoding) {
            this.#draw();
        }
    }

    /* Shows what another one shows, until an own picture is there. */
    borrow(other) {
        if (!Number.isNaN(other.#capturedMs)) {
            this.#put(other.#canvas);
            this.#capturedMs = other.#capturedMs;
        }
    }

    clear() {
        this.#life++;
        this.#waiting = null;
        this.#newest = null;
        this.#capturedMs = NaN;
        this.#intervalMs = 0;
        this.#size = null;
        this.#canvas.width = 1;
        this.#canvas.height = 1;
    }

    get #patienceMs() {
        return Math.max(LATE_LEAST_MS, LATE_INTERVALS * this.#intervalMs);
    }

    async #draw() {
        this.#decoding = true;

        while (this.#waiting) {
            const { jpeg, capturedMs } = this.#waiting;

            this.#waiting = null;

            try {
                await this.#drawOne(jpeg, capturedMs);
            } catch {
                /* Not a picture: the next one may be. */
            }
        }

        this.#decoding = false;
    }

    async #drawOne(jpeg, capturedMs) {
        const life = this.#life;
        const size = jpegSize(jpeg);
        const bitmap = await createImageBitmap(
            new Blob([jpeg], { type: 'image/jpeg' }), this.#resize(size));

        if (life === this.#life) {
            const interval = capturedMs - this.#capturedMs || 0;

            this.#put(bitmap);
            this.#size = size ?? { width: bitmap.width, height: bitmap.height };
            this.#intervalMs = Math.min(interval, INTERVAL_MOST_MS);
            this.#capturedMs = capturedMs;
        }

        bitmap.close();
    }

    #put(source) {
        const canvas = this.#canvas;

        if (canvas.width !== source.width || canvas.height !== source.height) {
            canvas.width = source.width;
            canvas.height = source.height;
        }

        this.#context.drawImage(source, 0, 0);
    }

    /* Pictures much larger than their place are made smaller by the decoder. */
    #resize(size) {
        const place = this.#canvas.clientWidth * devicePixelRatio;
        const width = Math.ceil(place / SIZE_STEP) * SIZE_STEP;

        if (!size || width === 0 || size.width < width * 1.5) {
            return {};
        }

        return { resizeWidth: width, resizeQuality: 'medium' };
    }
}
