/*
 * One camera large: its own connection, its picture, what is known of it, and
 * what can be done with it (full screen, a snapshot, its address to copy).
 */

import { Feed } from './feed.mjs';
import { Picture } from './picture.mjs';
import { setText } from './tile.mjs';
import { ageText, pictureStatus, substreamText } from './status.mjs';

const REFRESH_MS = 250;
const FPS_PHONE = 15;
const COPIED_MS = 2000;

const phone = matchMedia('(max-width: 40rem)');

const GONE = {
    name: '', state: 'away', reason: '', codec: '', owner: '',
    claimedTwice: '', substream: '', hasSmall: false,
    detail: 'There is no camera of this name, or no longer.',
    width: 0, height: 0, fps: 0, kbps: 0, viewers: 0,
};


/* "2025-06-01-143005", local time, for the name of a snapshot. */
function fileTime(date) {
    const two = (n) => String(n).padStart(2, '0');

    return [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate()),
            two(date.getHours()) + two(date.getMinutes())
            + two(date.getSeconds())].join('-');
}


function rateText(camera) {
    const fps = camera.fps ? `${Math.round(camera.fps * 10) / 10} fps` : '';
    const rate = camera.kbps >= 1000
        ? `${(camera.kbps / 1000).toFixed(1)} Mbit/s`
        : camera.kbps ? `${Math.round(camera.kbps)} kbit/s` : '';

    return [fps, rate].filter((t) => t).join(', ');
}


function sizeText(size) {
    return size?.width ? `${size.width} × ${size.height}` : '';
}


export class CameraView {
    #root;
    #parts = {};
    #picture;
    #id = '';
    #camera = GONE;
    #active = false;
    #feed = null;
    #problem = null;
    #refreshing = 0;

    constructor(root) {
        this.#root = root;

        for (const part of root.querySelectorAll('[data-part]')) {
            this.#parts[part.dataset.part] = part;
        }

        this.#picture = new Picture(this.#parts.canvas);
        this.#parts.snapshot.addEventListener('click', () => this.#nameFile());
        this.#parts.copy.addEventListener('click', () => this.#copy());
        this.#parts.full.addEventListener('click', () => this.toggleFull());
        this.#parts.full.hidden = !document.fullscreenEnabled;
    }

    get id() {
        return this.#id;
    }

    /*
     * Shows this camera; null: none, and the view is left.  `poster`: a
     * Picture of the same camera to show until the first own one, or null.
     */
    open(id, poster) {
        if (id === this.#id) {
            return;
        }

        this.#closeFeed();
        this.#id = id ?? '';
        this.#camera = { ...GONE, name: this.#id };
        this.#picture.clear();

        if (id === null) {
            return;
        }

        if (poster) {
            this.#picture.borrow(poster);
        }

        this.#address();
        this.#connect();
        this.#refresh();
    }

    setActive(active) {
        this.#active = active;
        clearInterval(this.#refreshing);

        if (active) {
            this.#refreshing = setInterval(() => this.#refresh(), REFRESH_MS);
            this.#connect();
        } else {
            this.#closeFeed();
        }
    }

    update(cameras) {
        const camera = cameras.find((c) => c.id === this.#id);
        const was = this.#camera.state;

        this.#camera = camera ?? { ...GONE, name: this.#id };

        if (this.#camera.state === 'streaming' && was !== 'streaming') {
            this.wake();
        }

        this.#refresh();
    }

    wake() {
        this.#feed?.wake();
    }

    focus() {
        this.#parts.name.focus({ preventScroll: true });
    }

    toggleFull() {
        if (document.fullscreenElement) {
            document.exitFullscreen();
        } else {
            this.#parts.stage.requestFullscreen?.().catch(() => {});
        }
    }

    #connect() {
        if (!this.#active || this.#id === '' || this.#feed) {
            return;
        }

        const query = phone.matches ? `?fps=${FPS_PHONE}` : '';

        this.#picture.ask();
        this.#feed = new Feed(`live/${this.#id}/stream.mjpg${query}`, {
            onPart: (part) => this.#picture.show(part),
            onProblem: (problem) => { this.#problem = problem; },
        });
    }

    #closeFeed() {
        this.#feed?.close();
        this.#feed = null;
        this.#problem = null;
    }

    #address() {
        const url = new URL(`live/${this.#id}/stream.mjpg`, document.baseURI);

        this.#parts.address.value = url.href;
        this.#parts.snapshot.href =
            `live/${this.#id}/frame.jpg?rendition=main`;
    }

    #nameFile() {
        this.#parts.snapshot.download =
            `${this.#id}-${fileTime(new Date())}.jpg`;
    }

    async #copy() {
        const { address, copy } = this.#parts;
        let word = 'Copied';

        address.select();

        try {
            await navigator.clipboard.writeText(address.value);
        } catch {
            word = 'Press Ctrl+C';
        }

        setText(copy, word);
        setTimeout(() => setText(copy, 'Copy'), COPIED_MS);
    }

    #refresh() {
        const status = pictureStatus(this.#camera, this.#picture);
        const age = ageText(this.#picture.ageMs);
        const parts = this.#parts;

        this.#root.dataset.kind = status.kind;
        setText(parts.name, this.#camera.name);
        setText(parts.state, status.label);
        setText(parts.age, age);
        parts.message.hidden = status.sentence === '';

        if (status.sentence) {
            setText(parts.title, status.label);
            setText(parts.sentence, this.#sentence(status));
            setText(parts.detail, this.#detail(status));
            setText(parts.last, age && `Last picture ${age} ago.`);
        }

        this.#facts();
    }

    /* Why a camera that is well brings no pictures here. */
    #sentence(status) {
        return this.#camera.state === 'streaming' && this.#problem
            ? this.#problem.detail || this.#problem.title : status.sentence;
    }

    /* The server's own words, where the sentence is not already those. */
    #detail(status) {
        return status.kind === 'away' && this.#camera.detail !== status.sentence
            ? this.#camera.detail : '';
    }

    #facts() {
        const camera = this.#camera;

        this.#fact('size', sizeText(this.#picture.size ?? camera));
        this.#fact('codec', camera.codec);
        this.#fact('rate', rateText(camera));
        this.#fact('viewers', camera.viewers ? String(camera.viewers) : '');
        this.#fact('substream', substreamText(camera));
        this.#fact('owner', camera.owner);
        this.#fact('claimed', camera.claimedTwice);
        this.#fact('id', this.#id);
    }

    #fact(name, text) {
        const part = this.#parts[name];

        setText(part, text);
        part.parentElement.hidden = text === '';
    }
}
