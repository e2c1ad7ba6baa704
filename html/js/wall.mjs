/*
 * The wall: a tile for every camera, and one connection that brings the
 * pictures of those in view.  When other tiles come into view a second
 * connection is dialled, and the first is closed once that one brings
 * pictures, so that nothing stands still meanwhile.
 */

import { Feed } from './feed.mjs';
import { gridColumns } from './grid.mjs';
import { Tile } from './tile.mjs';

const IN_VIEW_MARGIN = '160px';
const SETTLE_MS = 200;
const REFRESH_MS = 500;
const CAMERAS_MOST = 64;
const TILE_LEAST_REM = 21;
const CAPTION_REM = 2.75;
const PICTURES_PER_S = 120;
const FPS_LEAST = 2;
const FPS_MOST = 10;
const FPS_MOST_PHONE = 5;

const phone = matchMedia('(max-width: 40rem)');


function wallFps(count) {
    const most = phone.matches || navigator.connection?.saveData
        ? FPS_MOST_PHONE : FPS_MOST;

    return Math.max(FPS_LEAST,
                    Math.min(most, Math.floor(PICTURES_PER_S / count)));
}


/* Where `small` is asked for, cameras without it come as they are. */
function wallUrl(ids, anySmall) {
    const cameras = ids.map(encodeURIComponent).join(',');
    const rendition = anySmall ? '&rendition=small' : '';

    return `live/wall.mjpg?cameras=${cameras}&fps=${wallFps(ids.length)}`
        + rendition;
}


export class Wall {
    #grid;
    #template;
    #onProblem;
    #tiles = new Map();
    #inView = new Set();
    #observer;
    #active = false;
    #feed = null;
    #next = null;
    #url = '';
    #asked = new Set();
    #settling = 0;
    #refreshing = 0;

    /*
     * `grid`: the list that takes the tiles.  onProblem(problem, ids): the
     * pictures of these cameras cannot be had; (null) once they can.
     */
    constructor(grid, template, { onProblem }) {
        this.#grid = grid;
        this.#template = template;
        this.#onProblem = onProblem;
        this.#observer = new IntersectionObserver(
            (entries) => this.#look(entries), { rootMargin: IN_VIEW_MARGIN });
        grid.addEventListener('keydown', (e) => this.#key(e));
        phone.addEventListener('change', () => this.#settle());
        addEventListener('resize', () => this.#arrange());
    }

    tile(id) {
        return this.#tiles.get(id);
    }

    /* Starts or stops the pictures; tiles keep what they show. */
    setActive(active) {
        if (this.#active === active) {
            return;
        }

        this.#active = active;
        clearInterval(this.#refreshing);

        if (active) {
            this.#arrange();
            this.#refreshing = setInterval(() => this.#refresh(), REFRESH_MS);
            this.#refresh();
            this.#settle();
        } else {
            this.#closeFeeds();
        }
    }

    /* Takes the newest list: tiles come, go and change. */
    update(cameras) {
        const ids = new Set(cameras.map((c) => c.id));

        for (const [id, tile] of this.#tiles) {
            if (!ids.has(id)) {
                this.#remove(id, tile);
            }
        }

        cameras.forEach((camera, index) => this.#place(camera, index));
        this.#arrange();
    }

    /* Dials again now where it is pausing. */
    wake() {
        this.#feed?.wake();
        this.#next?.wake();
    }

    /* Puts the keyboard on the first tile. */
    focusFirst() {
        this.#grid.querySelector('a')?.focus();
    }

    #place(camera, index) {
        let tile = this.#tiles.get(camera.id);

        if (tile) {
            tile.update(camera);
        } else {
            tile = new Tile(this.#template, camera);
            this.#tiles.set(camera.id, tile);
            this.#observer.observe(tile.element);
        }

        if (this.#grid.children[index] !== tile.element) {
            this.#grid.insertBefore(tile.element,
                                    this.#grid.children[index] ?? null);
        }
    }

    #arrange() {
        const grid = this.#grid;
        const rem = parseFloat(
            getComputedStyle(document.documentElement).fontSize);
        const gap = parseFloat(getComputedStyle(grid).columnGap) || 0;
        const top = grid.getBoundingClientRect().top + scrollY;

        grid.style.setProperty('--columns', gridColumns({
            count: this.#tiles.size,
            width: grid.clientWidth,
            height: innerHeight - top - gap,
            least: TILE_LEAST_REM * rem,
            caption: CAPTION_REM * rem,
            gap,
        }));
    }

    #remove(id, tile) {
        this.#observer.unobserve(tile.element);
        this.#inView.delete(id);
        this.#tiles.delete(id);
        tile.element.remove();
        this.#settle();
    }

    #look(entries) {
        for (const entry of entries) {
            const id = entry.target.dataset.camera;

            if (entry.isIntersecting) {
                this.#inView.add(id);
            } else {
                this.#inView.delete(id);
            }
        }

        this.#settle();
    }

    #refresh() {
        for (const id of this.#inView) {
            this.#tiles.get(id)?.refresh();
        }
    }

    /* Scrolling and resizing come in bursts: dial once they are over. */
    #settle() {
        clearTimeout(this.#settling);
        this.#settling = setTimeout(() => this.#connect(), SETTLE_MS);
    }

    #connect() {
        const ids = [...this.#tiles.keys()].filter((id) => this.#inView.has(id))
            .sort().slice(0, CAMERAS_MOST);

        if (!this.#active || ids.length === 0) {
            return;
        }

        const url = wallUrl(ids,
                            ids.some((id) => this.#tiles.get(id).hasSmall));

        if (url === this.#url) {
            return;
        }

        for (const id of ids.filter((i) => !this.#asked.has(i))) {
            this.#tiles.get(id).picture.ask();
        }

        this.#url = url;
        this.#asked = new Set(ids);
        this.#next?.close();

        const feed = new Feed(url, {
            onPart: (part) => this.#take(part, feed),
            onProblem: (problem) => this.#report(problem, feed, ids),
        });

        this.#next = feed;
    }

    #take(part, feed) {
        const tile = this.#tiles.get(part.headers.get('x-camera'));

        if (feed === this.#next) {
            this.#adopt();
        }

        tile?.picture.show(part);
    }

    #report(problem, feed, ids) {
        if (feed === this.#next && problem) {
            this.#adopt();
        }

        if (feed === this.#feed) {
            this.#onProblem(problem, ids);
        }
    }

    /* The newer connection has its answer: the older one is not needed. */
    #adopt() {
        this.#feed?.close();
        this.#feed = this.#next;
        this.#next = null;
    }

    #closeFeeds() {
        clearTimeout(this.#settling);
        this.#feed?.close();
        this.#next?.close();
        this.#feed = null;
        this.#next = null;
        this.#url = '';
        this.#asked.clear();
    }

    #key(event) {
        const links = [...this.#grid.querySelectorAll('a')];
        const at = links.indexOf(document.activeElement);
        const to = this.#target(event, links, at);

        if (at === -1 || to === null) {
            return;
        }

        event.preventDefault();
        links[to]?.focus();
    }

    #target(event, links, at) {
        if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) {
            return null;
        }

        const columns = this.#columns();

        switch (event.key) {
        case 'ArrowLeft': return Math.max(at - 1, 0);
        case 'ArrowRight': return Math.min(at + 1, links.length - 1);
        case 'ArrowUp': return at - columns < 0 ? at : at - columns;
        case 'ArrowDown': return Math.min(at + columns, links.length - 1);
        case 'Home': return 0;
        case 'End': return links.length - 1;
        default: return null;
        }
    }

    #columns() {
        const tops = [...this.#grid.children].map((e) => e.offsetTop);
        const second = tops.findIndex((top) => top !== tops[0]);

        return second === -1 ? tops.length : second;
    }
}
