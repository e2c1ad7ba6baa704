#!/usr/bin/env -S node --test-reporter=./t/lib/tap.mjs
/*
 * The page's words: every state and reason of the contract has a sentence of
 * its own, and a list from the server is read as a stranger's.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { readCameras } from '../../html/js/cameras.mjs';
import { ageText, cameraKind, pictureStatus, reasonSentence, substreamText,
         summaryText }
    from '../../html/js/status.mjs';


const schema = readFileSync(new URL(
    '../../ngx_vstream_module/core/vstream_schema.h', import.meta.url), 'utf8');

const wordsOf = (kind) => [...schema.matchAll(
    new RegExp(`#define VSTREAM_${kind}_\\w+\\s+"(\\w+)"`, 'g'))]
    .map((m) => m[1]);

const NONE = { ageMs: NaN, fresh: false, late: false };
const FRESH = { ageMs: 80, fresh: true, late: false };
const OLD = { ageMs: 60000, fresh: false, late: true };
const ASKED = { ageMs: 60000, fresh: false, late: false };


function camera(fields) {
    return { id: 'a', name: 'A', state: 'streaming', reason: '', detail: '',
             stale: false, ...fields };
}


test('every reason of the contract has a sentence', () => {
    const reasons = wordsOf('REASON');

    assert.ok(reasons.length > 10);

    for (const reason of reasons) {
        const text = reasonSentence(camera({ reason, detail: 'detail' }));

        assert.match(text, /^[A-Z].*\.$/, reason);
    }
});


test('a substream is told of where there is one', () => {
    const of = (substream) => substreamText(camera({ substream }));

    assert.equal(of(''), '');
    assert.equal(of('streaming'), 'Live');
    assert.equal(of('connecting'), 'Connecting');
    assert.match(of('auth_failed'), /password/);
    assert.equal(of('constructor'), 'constructor');

    const [a, b, c] = readCameras({ cameras: [
        { id: 'a', renditions: ['main', 'small'], substream: 'streaming' },
        { id: 'b', renditions: ['main'] },
        { id: 'c', renditions: 'small' }] });

    assert.deepEqual([a.hasSmall, b.hasSmall, c.hasSmall],
                     [true, false, false]);
    assert.deepEqual([a.substream, b.substream], ['streaming', '']);
});


test('a reason that nobody foresaw is told in the server’s words', () => {
    const of = (fields) => reasonSentence(camera(fields));

    assert.equal(of({ reason: 'new', detail: 'It rains.' }), 'It rains.');
    assert.equal(of({ reason: 'new' }), 'new');
    assert.equal(of({ reason: 'constructor', detail: 'x' }), 'x');
    assert.match(of({ state: 'backing_off' }), /Nobody knows/);
});


test('every state of the contract has a kind and a word', () => {
    const kinds = wordsOf('STATE').map((state) => {
        const status = pictureStatus(camera({ state }), NONE);

        assert.ok(status.label && status.sentence, state);
        return [state, status.kind];
    });

    assert.deepEqual(Object.fromEntries(kinds), {
        connecting: 'waiting', streaming: 'waiting', backing_off: 'away',
        quarantined: 'away', away: 'away',
    });
    assert.equal(pictureStatus(camera({ state: 'odd' }), NONE).kind, 'away');
});


test('pictures are believed before the list', () => {
    const kind = (fields, picture) =>
        pictureStatus(camera(fields), picture).kind;

    assert.equal(kind({}, FRESH), 'live');
    assert.equal(kind({ stale: true }, FRESH), 'live');
    assert.equal(kind({}, OLD), 'late');
    assert.equal(kind({}, ASKED), 'waiting');
    assert.equal(kind({ state: 'backing_off' }, FRESH), 'live');
    assert.equal(kind({ state: 'backing_off' }, OLD), 'away');
    assert.equal(kind({ state: 'connecting' }, OLD), 'waiting');
    assert.equal(kind({ state: 'connecting', reason: 'stalled' }, OLD), 'away');
});


test('ages', () => {
    const texts = [[NaN, ''], [-5, '0.0 s'], [140, '0.1 s'], [9949, '9.9 s'],
                   [9950, '9 s'], [59999, '59 s'], [60000, '1 min'],
                   [3599999, '59 min'], [3600000, '1 h'], [86399999, '23 h'],
                   [86400000, '1 d']];

    for (const [ms, text] of texts) {
        assert.equal(ageText(ms), text);
    }
});


test('the summary counts', () => {
    const away = camera({ state: 'away' });

    assert.equal(summaryText([]), '');
    assert.equal(summaryText([camera()]), '1 camera, all well');
    assert.equal(summaryText([camera(), away]), '2 cameras, 1 away');
    assert.equal(summaryText([camera({ stale: true })]),
                 '1 camera, 1 waiting');
    assert.equal(summaryText([away, away, camera({ state: 'connecting' })]),
                 '3 cameras, 2 away, 1 waiting');
    assert.equal(cameraKind(camera({ stale: true })), 'waiting');
});


test('the list is sorted by name, numbers by value', () => {
    const cameras = [['c', 'Yard 10'], ['b', 'yard 2'], ['z', 'Attic'],
                     ['k', 'Attic'], ['a', '']]
        .map(([id, name]) => ({ id, name }));

    assert.deepEqual(readCameras({ cameras }).map((c) => c.id),
                     ['a', 'k', 'z', 'b', 'c']);
});


test('a list with wrong types gives cameras with right ones', () => {
    const cameras = readCameras({ cameras: [
        { id: 'a', name: 7, fps: '12', kbps: NaN, stale: 'yes', state: null },
        { id: '../x' }, { id: 5 }, null, { id: 'b', name: '<b>', fps: 12 },
    ] });

    assert.deepEqual(cameras.map((c) => c.id), ['b', 'a']);
    assert.deepEqual(cameras.map((c) => c.name), ['<b>', 'a']);
    assert.deepEqual(cameras.map((c) => c.fps), [12, 0]);
    assert.deepEqual(cameras.map((c) => c.stale), [false, false]);
    assert.deepEqual(readCameras(null), []);
    assert.deepEqual(readCameras({ cameras: {} }), []);
});
