#!/usr/bin/env -S node --test-reporter=./t/lib/tap.mjs
/*
 * How late Chromium shows the pictures of an <img src=stream.mjpg>, at two a
 * second.  A browser that waits for the next part's header shows each picture
 * half a second late; it must be less than 100 ms.
 *
 * A program's stream of the same camera tells when each picture was sent;
 * the <img> is looked at every few milliseconds, and each change is matched
 * with the picture that it shows.  The median is judged: without the cure
 * every picture is late, while on a busy machine Chromium itself may be late
 * with a few.  All values are printed.
 */

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { openPage, startBrowser } from './lib/browser.mjs';
import { Stack } from './lib/stack.mjs';

const PICTURES = 9;

let stack;
let browser;


before(async () => {
    stack = await Stack.start(16514, ['slow test:?fps=2']);
    browser = await startBrowser();
});

after(async () => {
    await browser?.close();
    await stack?.stop();
});


const median = (values) =>
    [...values].sort((a, b) => a - b)[values.length >> 1];


/* In the page: milliseconds from sending to showing, for `count` pictures. */
async function measureLateness([path, count, modules]) {
    const { MultipartParser, boundaryOf }
        = await import(`${modules}/multipart.mjs`);
    const context = new OffscreenCanvas(1, 1)
        .getContext('2d', { willReadFrequently: true });
    const sent = [];
    const late = [];

    const pixels = (source, width, height) => {
        context.canvas.width = width;
        context.canvas.height = height;
        context.drawImage(source, 0, 0);
        return context.getImageData(0, 0, width, height).data;
    };
    const difference = (a, b) => {
        let sum = 0;

        for (let i = 0; i < a.length; i += 16) {
            sum += Math.abs(a[i] - b[i]);
        }

        return sum;
    };

    const response = await fetch(path);
    const parser = new MultipartParser(
        boundaryOf(response.headers.get('content-type')), async (part) => {
            const at = performance.now();
            const bitmap = await createImageBitmap(new Blob([part.body]));

            sent.push({ at, data: pixels(bitmap, bitmap.width, bitmap.height),
                        width: bitmap.width, height: bitmap.height });
            sent.splice(0, sent.length - 8);
        });
    const reader = response.body.getReader();
    const reading = (async () => {
        for (let r = await reader.read(); !r.done; r = await reader.read()) {
            parser.push(r.value);
        }
    })();

    const image = document.createElement('img');

    image.src = path;
    document.body.append(image);

    let before = null;

    while (late.length < count) {
        await new Promise((resolve) => setTimeout(resolve, 4));

        const first = sent[0];

        if (!first || image.naturalWidth !== first.width) {
            continue;
        }

        const now = performance.now();
        const shown = pixels(image, first.width, first.height);

        if (before && difference(shown, before) === 0) {
            continue;
        }

        const isFirst = !before;
        let from = sent;

        before = shown;

        /* The stream to compare with may be a moment behind the <img>. */
        for (let i = 0; i < 20; i++) {
            const best = from.reduce((a, b) =>
                difference(a.data, shown) <= difference(b.data, shown) ? a : b);

            if (difference(best.data, shown) === 0) {
                if (!isFirst) {
                    late.push(Math.round(now - best.at));
                }
                break;
            }

            await new Promise((resolve) => setTimeout(resolve, 5));
            from = sent;
        }
    }

    await reader.cancel();
    await reading;
    image.remove();

    return late;
}


/*
 * A server that sends the camera's parts on as they are, to programs and to
 * an <img> alike: what stream.mjpg would be without the cure.
 */
function startPlainServer() {
    const server = createServer(async (request, response) => {
        if (request.url !== '/stream.mjpg') {
            response.setHeader('Content-Type', 'text/html');
            response.end('<!DOCTYPE html><title>plain</title><body>');
            return;
        }

        const abort = new AbortController();
        const from = await fetch(`${stack.url}live/slow/stream.mjpg`,
                                 { signal: abort.signal });

        response.on('close', () => abort.abort());
        response.setHeader('Content-Type', from.headers.get('content-type'));

        try {
            for await (const chunk of from.body) {
                response.write(chunk);
            }
        } catch {
            response.destroy();
        }
    });

    return new Promise((resolve) => {
        server.listen(16516, '127.0.0.1', () => resolve(server));
    });
}


test('an <img> is late by less than 100 ms at two a second, by the median',
     async () => {
    const page = await openPage(browser, stack.url);
    const late = await page.evaluate(measureLateness,
        ['/live/slow/stream.mjpg', PICTURES, '/js']);

    console.log(`# late by ${late.join(', ')} ms`);
    assert.equal(late.length, PICTURES);
    assert.ok(median(late) < 100, `late by ${late.join(', ')} ms`);
    await page.context().close();
});


test('the same measure finds a server without the cure late', async () => {
    const server = await startPlainServer();
    const page = await openPage(browser, 'http://127.0.0.1:16516/');

    await page.route('**/js/*', (route) => route.fetch({
        url: stack.url + new URL(route.request().url()).pathname.slice(1),
    }).then((response) => route.fulfill({ response })));

    const late = await page.evaluate(measureLateness,
        ['/stream.mjpg', 3, '/js']);

    console.log(`# late by ${late.join(', ')} ms`);
    assert.ok(median(late) > 300, `late by ${late.join(', ')} ms`);
    await page.context().close();
    server.closeAllConnections();
    server.close();
});
