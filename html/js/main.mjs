/*
 * The page: which of its two views is shown (by the address's fragment, so
 * that links and the back button work), what the keys do, and when there is
 * anything to tell in the banner.  Pictures stop while nobody looks.
 */

import { Announcer } from './announcer.mjs';
import { CameraList } from './cameras.mjs';
import { CameraView } from './camera-view.mjs';
import { Wall } from './wall.mjs';
import { setText } from './tile.mjs';
import { cameraKind, summaryText } from './status.mjs';

const BANNER_AFTER_MS = 1500;
const ROUTE = /^#\/camera\/([A-Za-z0-9][A-Za-z0-9._-]{0,63})$/;

const wallSection = document.getElementById('wall');
const cameraSection = document.getElementById('camera');
const summary = document.getElementById('summary');
const empty = document.getElementById('empty');
const banner = document.getElementById('banner');

const announcer = new Announcer(document.getElementById('announcer'));
const view = new CameraView(cameraSection);
const wall = new Wall(document.getElementById('tiles'),
                      document.getElementById('tile'),
                      { onProblem: reportWall });
const list = new CameraList('api/v1/cameras',
                            { onChange: takeCameras, onProblem: reportList });

let cameras = [];
let listProblem = null;
let wallProblem = null;
let bannerTimer = 0;
let cameFromWall = false;
let scrollTop = 0;


function shownCamera() {
    return ROUTE.exec(location.hash)?.[1] ?? null;
}


function takeCameras(next) {
    cameras = next;
    wall.update(cameras);
    view.update(cameras);
    announcer.take(cameras);
    setText(summary, summaryText(cameras));
    empty.hidden = cameras.length > 0;
    showTitle();
}


function reportList(problem) {
    const cameBack = listProblem && !problem;

    listProblem = problem;

    if (cameBack) {
        wall.wake();
        view.wake();
    }

    showBanner();
}


/* Cameras that are away have no pictures: their tiles say so already. */
function reportWall(problem, ids) {
    const expected = cameras.some(
        (c) => ids?.includes(c.id) && cameraKind(c) === 'live');

    wallProblem = expected ? problem : null;
    showBanner();
}


function bannerText() {
    const problem = listProblem ?? wallProblem;

    if (!problem) {
        return '';
    }

    if (problem.status === 0) {
        return 'The server cannot be reached. Trying again…';
    }

    const text = [problem.title, problem.detail].filter((t) => t).join(': ');

    return `No news from the server (${text}). Trying again…`;
}


/* What passes within a moment, as a reload does, is not worth a banner. */
function showBanner() {
    if (!bannerText()) {
        clearTimeout(bannerTimer);
        bannerTimer = 0;
        banner.hidden = true;
        setText(banner, '');

    } else if (!banner.hidden) {
        setText(banner, bannerText());

    } else if (!bannerTimer) {
        bannerTimer = setTimeout(() => {
            banner.hidden = false;
            setText(banner, bannerText());
        }, BANNER_AFTER_MS);
    }
}


function showTitle() {
    const id = shownCamera();
    const name = cameras.find((c) => c.id === id)?.name ?? id;
    const title = id === null ? 'vstream' : `${name} – vstream`;

    if (document.title !== title) {
        document.title = title;
    }
}


/* Shows what the address says, and lets only that ask for pictures. */
function route() {
    const id = shownCamera();
    const wasLarge = !cameraSection.hidden;
    const previous = view.id;

    if (id !== null && !wasLarge) {
        scrollTop = document.documentElement.scrollTop;
    }

    wallSection.hidden = id !== null;
    cameraSection.hidden = id === null;
    view.open(id, wall.tile(id)?.picture);
    view.update(cameras);
    activate();
    showTitle();

    if (id !== null) {
        enterCamera(wasLarge);
    } else if (wasLarge) {
        leaveCamera(previous);
    }
}


function enterCamera(wasLarge) {
    if (wasLarge) {
        announcer.say(document.title);
    } else {
        scrollTo(0, 0);
        view.focus();
    }
}


function leaveCamera(id) {
    cameFromWall = false;

    if (document.fullscreenElement) {
        document.exitFullscreen();
    }

    scrollTo(0, scrollTop);
    wall.tile(id)?.link.focus({ preventScroll: true });
    wall.tile(id)?.element.scrollIntoView({ block: 'nearest' });
}


function activate() {
    const isLarge = shownCamera() !== null;

    wall.setActive(!document.hidden && !isLarge);
    view.setActive(!document.hidden && isLarge);
}


function goBack() {
    if (cameFromWall) {
        history.back();
    } else {
        location.replace('#/');
    }
}


/*
 * Replaces the address, so that "back" still leads to the wall; and follows it
 * at once, because the next key may come before the event that tells of it.
 */
function goAside(step) {
    const at = cameras.findIndex((c) => c.id === shownCamera());

    if (cameras.length > 1) {
        const to = (at + step + cameras.length) % cameras.length;

        location.replace(`#/camera/${cameras[to].id}`);
        route();
    }
}


function cameraKey(event) {
    switch (event.key) {
    case 'Escape':
        if (!document.fullscreenElement) {
            goBack();
        }
        return true;

    case 'ArrowLeft':
        goAside(-1);
        return true;

    case 'ArrowRight':
        goAside(1);
        return true;

    case 'f':
    case 'F':
        view.toggleFull();
        return true;

    default:
        return false;
    }
}


function key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey
        || event.target instanceof HTMLInputElement && event.key !== 'Escape')
    {
        return;
    }

    if (shownCamera() !== null) {
        if (cameraKey(event)) {
            event.preventDefault();
        }

    } else if (document.activeElement === document.body
               && ['ArrowLeft', 'ArrowRight'].includes(event.key))
    {
        wall.focusFirst();
        event.preventDefault();
    }
}


function look() {
    activate();

    if (document.hidden) {
        list.stop();
    } else {
        list.start();
    }
}


addEventListener('hashchange', route);
addEventListener('keydown', key);
addEventListener('online', () => list.start());
document.addEventListener('visibilitychange', look);

wallSection.addEventListener('click', (event) => {
    cameFromWall = Boolean(event.target.closest('a'));
});

for (const link of document.querySelectorAll('[data-go]')) {
    link.addEventListener('click', (event) => {
        event.preventDefault();

        if (link.dataset.go === 'back') {
            goBack();
        } else {
            goAside(link.dataset.go === 'next' ? 1 : -1);
        }
    });
}

route();
look();
