/*
 * One connection that brings pictures: fetch(), the parts of its body, and a
 * new connection whenever it ends.  The wall holds one for all cameras, the
 * large view one for its camera.  It knows no camera and draws nothing.
 *
 * A stream that ran and was closed (nginx reloads) is dialled again at once;
 * one that fails is dialled after a growing, jittered pause of at most a
 * second, or as long as the server asks by Retry-After.
 */

import { MultipartParser, boundaryOf } from './multipart.mjs';
import { readProblem } from './problem.mjs';

const PAUSE_FIRST_MS = 100;
const PAUSE_MOST_MS = 1000;
const RETRY_AFTER_MOST_MS = 5000;
const AT_ONCE_JITTER_MS = 100;
const STREAM_LEAST_MS = 1000;
const SILENCE_MS = 15000;


function retryAfterMs(response) {
    const seconds = Number(response.headers.get('retry-after') ?? NaN);

    return seconds >= 0 ? Math.min(seconds * 1000, RETRY_AFTER_MOST_MS) : 0;
}


/*
 * onPart(part): a part as MultipartParser gives it.
 * onProblem(problem): the connection could not be had, {status, title,
 * detail}, with status 0 where nobody answered; null once parts arrive.
 */
export class Feed {
    #url;
    #onPart;
    #onProblem;
    #abort = null;
    #timer = 0;
    #silence = 0;
    #failures = 0;
    #dialledMs = 0;
    #gotPart = false;
    #closed = false;

    constructor(url, { onPart, onProblem }) {
        this.#url = url;
        this.#onPart = onPart;
        this.#onProblem = onProblem;
        this.#dial();
    }

    close() {
        this.#closed = true;
        clearTimeout(this.#timer);
        clearTimeout(this.#silence);
        this.#abort?.abort();
        this.#abort = null;
    }

    /* Dials now if it is pausing: something says that it may work again. */
    wake() {
        if (this.#timer && !this.#closed) {
            clearTimeout(this.#timer);
            this.#dial();
        }
    }

    async #dial() {
        const abort = new AbortController();
        let problem = { status: 0, title: 'The server cannot be reached.' };
        let retryMs = 0;

        this.#timer = 0;
        this.#abort = abort;
        this.#gotPart = false;
        this.#dialledMs = performance.now();
        this.#listen();

        try {
            const response = await fetch(this.#url, {
                signal: abort.signal,
                cache: 'no-store',
            });

            problem = null;
            retryMs = retryAfterMs(response);
            problem = await this.#read(response);

        } catch {
            /* Nobody answered, or the stream broke: dialled again below. */
        }

        abort.abort();
        clearTimeout(this.#silence);

        if (!this.#closed) {
            this.#pause(problem, retryMs);
        }
    }

    /* Ends when the stream does; returns why there was none, or null. */
    async #read(response) {
        const boundary = boundaryOf(response.headers.get('content-type'));

        if (!response.ok || boundary === null) {
            return readProblem(response);
        }

        const parser = new MultipartParser(boundary, (p) => this.#take(p));
        const reader = response.body.getReader();

        for (;;) {
            const { done, value } = await reader.read();

            if (done || parser.ended) {
                return null;
            }

            this.#listen();
            parser.push(value);
        }
    }

    #take(part) {
        if (this.#closed) {
            return;
        }

        if (!this.#gotPart) {
            this.#gotPart = true;
            this.#onProblem(null);
        }

        this.#onPart(part);
    }

    /* A connection that lost its network never ends by itself. */
    #listen() {
        const abort = this.#abort;

        clearTimeout(this.#silence);
        this.#silence = setTimeout(() => abort.abort(), SILENCE_MS);
    }

    #pause(problem, retryMs) {
        this.#timer = setTimeout(() => this.#dial(), this.#pauseMs(retryMs));

        if (problem) {
            this.#onProblem(problem);
        }
    }

    #pauseMs(retryMs) {
        const ranMs = performance.now() - this.#dialledMs;

        if (this.#gotPart && ranMs > STREAM_LEAST_MS) {
            this.#failures = 0;
            return Math.random() * AT_ONCE_JITTER_MS;
        }

        const most = Math.min(PAUSE_MOST_MS,
                              PAUSE_FIRST_MS * 2 ** this.#failures);

        this.#failures = Math.min(this.#failures + 1, 10);

        return Math.max(most * (0.5 + Math.random() / 2), retryMs);
    }
}
