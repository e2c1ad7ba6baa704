#!/usr/bin/env -S node --test-reporter=./t/lib/tap.mjs
/*
 * The wall in Chromium: pictures that move, from one connection; what it says
 * of cameras; keyboard, phone, light and dark; and its security policy.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { closePage, focusedCamera, openPage, screenMoves, startBrowser,
         waitForKind, watchCanvases } from './lib/browser.mjs';
import { Stack } from './lib/stack.mjs';

const SCRIPT_NAME = 'Sly <script>alert(1)</script><b>';

const CAMERAS = [
    'clock test: name=Clock',
    'slow test:?fps=2 name=Slow',
    `sly test:?fps=10 "name=${SCRIPT_NAME}"`,
    'gate http://127.0.0.1:1/gate.mjpg name=Gate',
];

let stack;
let browser;


before(async () => {
    stack = await Stack.start(16510, CAMERAS);
    browser = await startBrowser();
});

after(async () => {
    await browser?.close();
    await stack?.stop();
});


const open = (options) => openPage(browser, stack.url, options);

const wallRequests = (page) =>
    page.requests.filter((r) => r.startsWith('/live/wall.mjpg'));


test('all pictures move, from one connection', async () => {
    const page = await open();

    for (const camera of ['clock', 'slow', 'sly']) {
        await waitForKind(page, camera, 'live');
    }

    const [clock, , slow, sly]
        = await watchCanvases(page, '.tile canvas', 4000);

    assert.ok(clock.changes > 20, `${clock.changes} pictures of clock`);
    assert.ok(slow.changes >= 5, `${slow.changes} pictures of slow`);
    assert.ok(sly.changes > 20, `${sly.changes} pictures of sly`);
    assert.ok(clock.standstillMs < 1000, `${clock.standstillMs} ms`);
    assert.ok(await screenMoves(page, '[data-camera="clock"] canvas'));

    const live = page.requests.filter((r) => r.startsWith('/live/'));

    assert.deepEqual(live,
        ['/live/wall.mjpg?cameras=clock,gate,slow,sly&fps=10']);
    await closePage(page);
});


test('tiles tell name, state and age', async () => {
    const page = await open();

    await waitForKind(page, 'clock', 'live');

    const tile = page.locator('[data-camera="clock"]');

    assert.equal(await tile.locator('[data-part="name"]').textContent(),
                 'Clock');
    assert.equal(await tile.locator('[data-part="state"]').textContent(),
                 'Live');
    assert.match(await tile.locator('[data-part="age"]').textContent(),
                 /^0\.[0-9] s$/);
    assert.equal(await tile.locator('a').getAttribute('aria-label'),
                 'Clock, Live');
    assert.equal(await page.textContent('#summary'), '4 cameras, 1 away');
    await closePage(page);
});


test('a camera that is away says so, and why', async () => {
    const page = await open();

    await waitForKind(page, 'gate', 'away');

    const message = page.locator('[data-camera="gate"] [data-part="message"]');

    assert.equal(await message.locator('[data-part="title"]').textContent(),
                 'Away');
    assert.match(await message.locator('[data-part="sentence"]').textContent(),
                 /^Nothing answers at the camera’s address/);
    assert.ok(await message.isVisible());
    assert.match(
        await page.getAttribute('[data-camera="gate"] a', 'aria-label'),
        /^Gate, Away, Nothing answers/);
    await closePage(page);
});


test('a name is text, whatever it looks like', async () => {
    const page = await open();

    await waitForKind(page, 'sly', 'live');
    assert.equal(
        await page.textContent('[data-camera="sly"] [data-part="name"]'),
        SCRIPT_NAME);
    assert.equal(await page.locator('.tile script, .tile b').count(), 0);

    await page.goto(`${stack.url}#/camera/sly`);
    await page.waitForFunction(
        (name) => document.querySelector('#camera h1').textContent === name,
        SCRIPT_NAME);
    assert.equal(await page.title(), `${SCRIPT_NAME} – vstream`);
    await closePage(page);
});


test('arrow keys move between tiles, Enter opens one', async () => {
    const page = await open();

    await waitForKind(page, 'clock', 'live');
    await page.keyboard.press('ArrowRight');
    assert.equal(await focusedCamera(page), 'clock');
    await page.keyboard.press('ArrowRight');
    assert.equal(await focusedCamera(page), 'gate');
    await page.keyboard.press('End');
    assert.equal(await focusedCamera(page), 'sly');
    await page.keyboard.press('ArrowUp');
    assert.equal(await focusedCamera(page), 'clock');
    await page.keyboard.press('ArrowDown');
    assert.equal(await focusedCamera(page), 'sly');
    await page.keyboard.press('Home');
    assert.equal(await focusedCamera(page), 'clock');

    const outline = await page.evaluate(
        () => getComputedStyle(document.activeElement).outlineStyle);

    assert.equal(outline, 'solid', 'the focus is visible');

    await page.keyboard.press('Tab');
    assert.equal(await focusedCamera(page), 'gate');
    await page.keyboard.press('Enter');
    await page.waitForURL(`${stack.url}#/camera/gate`);
    await closePage(page);
});


test('a phone has one column, nothing to the side, half the rate', async () => {
    const page = await open({ viewport: { width: 360, height: 740 },
                              deviceScaleFactor: 2, isMobile: true,
                              hasTouch: true });

    await waitForKind(page, 'clock', 'live');

    const seen = await page.evaluate(() => ({
        columns: new Set([...document.querySelectorAll('.tile')]
            .map((tile) => tile.offsetLeft)).size,
        overflow: document.documentElement.scrollWidth - innerWidth,
        tile: document.querySelector('.tile').offsetWidth,
    }));

    assert.equal(seen.columns, 1);
    assert.ok(seen.overflow <= 0, `${seen.overflow} pixels too wide`);
    assert.ok(seen.tile > 320, `a tile is ${seen.tile} pixels wide`);
    assert.match(wallRequests(page)[0], /&fps=5$/);

    await page.tap('[data-camera="clock"] a');
    await page.waitForURL(`${stack.url}#/camera/clock`);
    await page.waitForSelector('#camera[data-kind="live"]');

    const large = await page.evaluate(() => ({
        overflow: document.documentElement.scrollWidth - innerWidth,
        low: Math.min(...[...document.querySelectorAll('#camera .button')]
            .filter((b) => b.offsetHeight).map((b) => b.offsetHeight)),
    }));

    assert.ok(large.overflow <= 0, `${large.overflow} pixels too wide`);
    assert.ok(large.low >= 44, `a button is ${large.low} pixels high`);
    await closePage(page);
});


test('only cameras in view are asked for', async () => {
    const page = await openPage(browser, 'about:blank',
                                { viewport: { width: 800, height: 600 } });
    const cameras = Array.from({ length: 64 }, (_, i) =>
        ({ id: `c${i}`, name: `C ${i}`, state: 'streaming' }));

    await page.route('**/api/v1/cameras',
                     (route) => route.fulfill({ json: { cameras } }));
    await page.route('**/live/**',
                     (route) => route.fulfill({ status: 503 }));
    await page.goto(stack.url);
    await page.waitForFunction(
        () => document.querySelectorAll('.tile').length === 64);

    const asked = async () => {
        await page.waitForTimeout(600);
        return new URL(wallRequests(page).at(-1), stack.url)
            .searchParams.get('cameras').split(',');
    };
    const top = await asked();

    assert.ok(top.includes('c0') && top.length < 12, `asked: ${top}`);

    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));

    const bottom = await asked();

    assert.ok(bottom.includes('c63') && !bottom.includes('c0')
              && bottom.length < 12, `asked: ${bottom}`);
    await closePage(page);
});


test('a placeholder is not taken for a picture', async () => {
    const jpeg = Buffer.from(await (await fetch(
        `${stack.url}live/clock/frame.jpg`)).arrayBuffer());
    const widthAfter = async (header) => {
        const page = await openPage(browser, 'about:blank');
        const head = '--b\r\nContent-Type: image/jpeg\r\nX-Camera: clock\r\n'
            + `${header}Content-Length: ${jpeg.length}\r\n\r\n`;

        await page.route('**/live/**', (route) => route.fulfill({
            contentType: 'multipart/x-mixed-replace; boundary=b',
            body: Buffer.concat([Buffer.from(head), jpeg]),
        }));
        await page.goto(stack.url);
        await page.waitForTimeout(2000);

        const width = await page.evaluate(() => document.querySelector(
            '[data-camera="clock"] canvas').width);

        await closePage(page);
        return width;
    };

    assert.equal(await widthAfter(''), 1);
    assert.ok(await widthAfter('X-Frame-Id: 7-1\r\n') > 1);
});


test('pictures stop while the page is hidden', async () => {
    const page = await open();
    const hide = (hidden) => page.evaluate((value) => {
        Object.defineProperty(document, 'hidden',
                              { value, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);

    await waitForKind(page, 'clock', 'live');

    const ended = page.waitForEvent('requestfailed', {
        predicate: (r) => r.url().includes('wall.mjpg'), timeout: 3000 });

    await hide(true);
    await ended;

    const asked = page.requests.length;

    await page.waitForTimeout(2500);
    assert.equal(page.requests.length, asked, 'a hidden page asks nothing');

    await hide(false);
    await page.waitForTimeout(1000);
    assert.equal(wallRequests(page).length, 2);
    await waitForKind(page, 'clock', 'live');
    await closePage(page);
});


test('light by day, dark by night', async () => {
    const lightness = async (colorScheme) => {
        const page = await open({ colorScheme });
        const [r, g, b] = await page.evaluate(
            () => getComputedStyle(document.body).backgroundColor
                .match(/\d+/g).map(Number));

        await closePage(page);
        return (r + g + b) / 3;
    };

    assert.ok(await lightness('light') > 200);
    assert.ok(await lightness('dark') < 60);
});


test('the security policy holds: no inline script runs', async () => {
    const response = await fetch(stack.url);
    const policy = response.headers.get('content-security-policy');

    for (const rule of ["default-src 'none'", "script-src 'self'",
                        "style-src 'self'", "connect-src 'self'",
                        "base-uri 'none'", "form-action 'none'",
                        "frame-ancestors 'none'"])
    {
        assert.ok(policy.split(/;\s*/).includes(rule), `${rule} in ${policy}`);
    }

    assert.equal(response.headers.get('x-content-type-options'), 'nosniff');

    const page = await open();

    await page.evaluate(() => {
        const script = document.createElement('script');

        script.textContent = 'window.ran = true';
        document.body.append(script);
    });
    assert.equal(await page.evaluate(() => window.ran), undefined);
    assert.match(page.complaints.splice(0).join('\n'),
                 /Content Security Policy/);
    await closePage(page);
});
