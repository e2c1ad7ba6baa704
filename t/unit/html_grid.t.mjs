#!/usr/bin/env -S node --test-reporter=./t/lib/tap.mjs
/*
 * The wall's columns: all tiles at once and large where they fit, at least as
 * wide as they must be where they do not.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { gridColumns } from '../../html/js/grid.mjs';


const columns = (count, width, height) => gridColumns(
    { count, width, height, least: 336, caption: 44, gap: 20 });


test('few cameras are large', () => {
    assert.equal(columns(1, 1240, 1000), 1);
    assert.equal(columns(1, 1240, 700), 2);
    assert.equal(columns(4, 1880, 1000), 3);
    assert.equal(columns(7, 1880, 950), 4);
});


test('a phone has one column', () => {
    assert.equal(columns(5, 366, 700), 1);
    assert.equal(columns(5, 200, 700), 1);
});


test('many cameras are as small as they may be, not smaller', () => {
    assert.equal(columns(64, 1880, 950), 5);
    assert.equal(columns(64, 691, 950), 1);
    assert.equal(columns(64, 692, 950), 2);
});


test('no cameras, or no room, is no error', () => {
    assert.equal(columns(0, 1240, 700), 1);
    assert.equal(columns(3, 0, 0), 1);
    assert.equal(columns(3, 1240, -50), 3);
});
