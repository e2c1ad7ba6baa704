/*
 * One camera on the wall: a link to its large view, with its picture, name,
 * state and the age of the picture.
 */

import { Picture } from './picture.mjs';
import { ageText, pictureStatus } from './status.mjs';


/* Writes only what changed: a screen reader hears each write. */
export function setText(element, text) {
    if (element.textContent !== text) {
        element.textContent = text;
    }
}


export class Tile {
    #camera;
    #picture;
    #link;
    #parts = {};
    #label = '';

    /* `template`: the <template> of a tile in index.html. */
    constructor(template, camera) {
        this.element = template.content.firstElementChild.cloneNode(true);
        this.element.dataset.camera = camera.id;
        this.#link = this.element.querySelector('a');
        this.#link.href = `#/camera/${camera.id}`;

        for (const part of this.element.querySelectorAll('[data-part]')) {
            this.#parts[part.dataset.part] = part;
        }

        this.#picture = new Picture(this.#parts.canvas);
        this.update(camera);
    }

    get picture() {
        return this.#picture;
    }

    get hasSmall() {
        return this.#camera.hasSmall;
    }

    get link() {
        return this.#link;
    }

    update(camera) {
        this.#camera = camera;
        setText(this.#parts.name, camera.name);
        this.refresh();
    }

    /* State and age as they are now. */
    refresh() {
        const status = pictureStatus(this.#camera, this.#picture);
        const age = ageText(this.#picture.ageMs);

        this.element.dataset.kind = status.kind;
        setText(this.#parts.state, status.label);
        setText(this.#parts.age, age);
        this.#parts.message.hidden = status.sentence === '';

        if (status.sentence) {
            setText(this.#parts.title, status.label);
            setText(this.#parts.sentence, status.sentence);
            setText(this.#parts.last, age && `Last picture ${age} ago.`);
        }

        this.#describe(status);
    }

    #describe(status) {
        const label = [this.#camera.name, status.label, status.sentence]
            .filter((t) => t).join(', ');

        if (label !== this.#label) {
            this.#label = label;
            this.#link.setAttribute('aria-label', label);
        }
    }
}
