#!/usr/bin/env -S node --test-reporter=./t/lib/tap.mjs
/*
 * The page's reader of multipart streams, fed whole and byte by byte, and at
 * its limits; and the size of a JPEG.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { jpegSize } from '../../html/js/jpeg.mjs';
import { BODY_BYTES_MAX, MultipartError, MultipartParser, boundaryOf }
    from '../../html/js/multipart.mjs';


const latin1 = (text) => Uint8Array.from(text, (c) => c.charCodeAt(0));
const textOf = (bytes) => String.fromCharCode(...bytes);


function part(body, headers = '') {
    return `--b\r\nContent-Type: image/jpeg\r\n${headers}`
        + `Content-Length: ${body.length}\r\n\r\n${body}\r\n`;
}


function read(stream, step, limits) {
    const parts = [];
    const bytes = latin1(stream);
    const parser = new MultipartParser('b', (p) => parts.push(p), limits);

    for (let at = 0; at < bytes.length; at += step) {
        parser.push(bytes.subarray(at, at + step));
    }

    return { parts, parser };
}


/* The same stream in one piece, byte by byte, and in odd pieces. */
function everyWay(stream, check, limits) {
    for (const step of [stream.length, 1, 2, 3, 7, 64]) {
        check(read(stream, step, limits), step);
    }
}


function refuses(stream, pattern, limits) {
    for (const step of [stream.length, 1]) {
        assert.throws(() => read(stream, step, limits),
                      (e) => e instanceof MultipartError
                          && pattern.test(e.message));
    }
}


test('parts come out with their headers and bytes', () => {
    const stream = part('one', 'X-Camera: a\r\nX-Frame-Id: 1-2\r\n')
        + part('--b\r\n\r\n\xff\x00--b--\r\n', 'x-camera:b\r\n') + part('3');

    everyWay(stream, ({ parts }) => {
        assert.deepEqual(parts.map((p) => textOf(p.body)),
                         ['one', '--b\r\n\r\n\xff\x00--b--\r\n', '3']);
        assert.equal(parts[0].headers.get('x-camera'), 'a');
        assert.equal(parts[0].headers.get('x-frame-id'), '1-2');
        assert.equal(parts[1].headers.get('x-camera'), 'b');
        assert.equal(parts[2].headers.has('x-camera'), false);
    });
});


test('a part comes out with its last byte, not with the next part', () => {
    const stream = part('picture');
    const parts = [];
    const parser = new MultipartParser('b', (p) => parts.push(p));

    parser.push(latin1(stream.slice(0, -3)));
    assert.equal(parts.length, 0);
    parser.push(latin1(stream.slice(-3, -2)));
    assert.equal(parts.length, 1);
});


test('a part keeps its bytes when the chunk is used again', () => {
    const chunk = latin1(part('picture'));
    const parts = [];

    new MultipartParser('b', (p) => parts.push(p)).push(chunk);
    chunk.fill(0);
    assert.equal(textOf(parts[0].body), 'picture');
});


test('empty parts, a leading newline and bare newlines are read', () => {
    everyWay('\r\n' + part('') + '--b\nContent-Length: 2\n\nhi\n',
             ({ parts }) => {
        assert.deepEqual(parts.map((p) => textOf(p.body)), ['', 'hi']);
    });
});


test('the closing delimiter ends it, whatever follows', () => {
    everyWay(part('x') + '--b--\r\nrubbish', ({ parts, parser }) => {
        assert.equal(parts.length, 1);
        assert.equal(parser.ended, true);
    });
});


test('what is not a part is refused, and stays refused', () => {
    refuses('HTTP/1.1 200 OK\r\n', /does not end/);
    refuses('--c\r\nContent-Length: 1\r\n\r\nx', /does not end/);
    refuses(part('x').replace('x\r\n', 'xx\r\n'), /does not end/);
    refuses('--b\r\nContent-Type: image/jpeg\r\n\r\n', /without a length/);
    refuses('--b\r\nContent-Length: -1\r\n\r\n', /without a length/);
    refuses('--b\r\nContent-Length: 1e9\r\n\r\n', /without a length/);
    refuses('--b\r\nno header\r\n\r\n', /without a name/);
    refuses('--b\r\n: empty\r\n\r\n', /without a name/);

    const parser = new MultipartParser('b', () => {});

    assert.throws(() => parser.push(latin1('x\r\n')), MultipartError);
    assert.throws(() => parser.push(latin1(part('x'))), MultipartError);
});


test('a body at the limit is taken, one byte more is refused', () => {
    const limits = { bodyBytes: 10 };

    everyWay(part('0123456789'), ({ parts }) => {
        assert.equal(parts.length, 1);
    }, limits);
    refuses(part('0123456789A'), /more than 10 bytes/, limits);
    refuses(`--b\r\nContent-Length: ${BODY_BYTES_MAX + 1}\r\n\r\n`,
            /more than/);
});


test('a header block at the limit is taken, one byte more is refused', () => {
    const head = '--b\r\nContent-Length: 1\r\n\r\n';
    const limits = { headerBytes: head.length };
    const longer = head.replace('\r\n\r\n', ' \r\n\r\n');

    everyWay(head + 'x', ({ parts }) => {
        assert.equal(parts.length, 1);
    }, limits);
    refuses(longer + 'x', /header of more than/, limits);
    refuses('-'.repeat(head.length + 1), /header of more than/, limits);
});


test('header bytes are counted for each part anew', () => {
    const stream = part('x').repeat(500);

    everyWay(stream, ({ parts }) => {
        assert.equal(parts.length, 500);
    }, { headerBytes: 100 });
});


test('the boundary of a Content-Type', () => {
    const is = (type, boundary) => assert.equal(boundaryOf(type), boundary);

    is('multipart/x-mixed-replace; boundary=frame', 'frame');
    is('multipart/x-mixed-replace;boundary="a b"', 'a b');
    is('Multipart/X-Mixed-Replace; charset=x; Boundary=f1', 'f1');
    is('multipart/x-mixed-replace; boundary=' + 'x'.repeat(70), 'x'.repeat(70));
    is('multipart/x-mixed-replace; boundary=' + 'x'.repeat(71), null);
    is('multipart/x-mixed-replace', null);
    is('multipart/x-mixed-replace; boundary=', null);
    is('application/problem+json', null);
    is('', null);
    is(null, null);
});


const APP0 = '\xff\xe0\x00\x04ab';
const SOF0 = '\xff\xc0\x00\x0b\x08\x02\x40\x03\x00\x01\x01\x11\x00';


test('the size of a JPEG, and of what is none', () => {
    const is = (text, size) => assert.deepEqual(jpegSize(latin1(text)), size);
    const size = { width: 768, height: 576 };

    is('\xff\xd8' + SOF0, size);
    is('\xff\xd8' + APP0 + SOF0, size);
    is('\xff\xd8\xff' + APP0 + '\xff' + SOF0, size);
    is('\xff\xd8' + SOF0.replace('\xc0', '\xc2'), size);
    is('\xff\xd8' + SOF0.replace('\xc0', '\xc4'), null);
    is('\xff\xd8\xff\xda\x00\x02' + SOF0, null);
    is('\xff\xd8\xff\xe0\xff\xff' + SOF0, null);
    is('\x89PNG', null);
    is('', null);

    for (let cut = 0; cut < 11; cut++) {
        is('\xff\xd8' + SOF0.slice(0, Math.min(cut, 8)), null);
    }
});
