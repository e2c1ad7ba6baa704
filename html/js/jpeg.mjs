/*
 * How large a JPEG is, read from its frame header without decoding: the page
 * has big pictures made smaller while they are decoded.  Pure.
 */

const SOI = 0xd8;
const SOS = 0xda;
const EOI = 0xd9;


function isFrameHeader(marker) {
    return marker >= 0xc0 && marker <= 0xcf
        && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}


/* {width, height}, or null where the bytes hold no frame header. */
export function jpegSize(bytes) {
    if (bytes.length < 4 || bytes[0] !== 0xff || bytes[1] !== SOI) {
        return null;
    }

    let at = 2;

    while (at + 9 <= bytes.length && bytes[at] === 0xff) {
        const marker = bytes[at + 1];

        if (marker === 0xff) {
            at += 1;
            continue;
        }

        if (marker === SOS || marker === EOI) {
            return null;
        }

        if (isFrameHeader(marker)) {
            return {
                width: bytes[at + 7] << 8 | bytes[at + 8],
                height: bytes[at + 5] << 8 | bytes[at + 6],
            };
        }

        at += 2 + (bytes[at + 2] << 8 | bytes[at + 3]);
    }

    return null;
}
