/*
 * Reads multipart/x-mixed-replace (RFC 2046 section 5.1) as vstream sends it to
 * programs: every part has a Content-Length.  Pure: bytes in, parts out; it
 * knows neither network nor page.  May be fed cut at any byte.
 */

export const HEADER_BYTES_MAX = 8192;
export const BODY_BYTES_MAX = 8 * 1024 * 1024;

const BOUNDARY_MAX = 70;
const LF = 10;

const MULTIPART = new RegExp('^multipart/x-mixed-replace\\s*;(?:.*;)?\\s*'
                             + 'boundary=(?:"([^"]+)"|([^\\s;"]+))', 'i');

const ascii = new TextDecoder('latin1');


export class MultipartError extends Error {
}


/*
 * The boundary named by a Content-Type header, or null where it is not
 * multipart/x-mixed-replace or names none.
 */
export function boundaryOf(contentType) {
    const match = MULTIPART.exec(contentType ?? '');
    const boundary = match?.[1] ?? match?.[2];

    if (!boundary || boundary.length > BOUNDARY_MAX) {
        return null;
    }

    return boundary;
}


/*
 * onPart({headers, body}) is called for each part as soon as its last byte is
 * there: headers is a Map from lower-case name to text, body a Uint8Array of
 * its own.  push() throws MultipartError on anything else than parts, or on
 * one that is larger than the limits; after that every push() throws.
 */
export class MultipartParser {
    #delimiter;
    #onPart;
    #headerMax;
    #bodyMax;
    #state = 'delimiter';
    #error = null;
    #line = '';
    #headers = null;
    #headerBytes = 0;
    #body = null;
    #bodyBytes = 0;

    constructor(boundary, onPart, limits = {}) {
        this.#delimiter = '--' + boundary;
        this.#onPart = onPart;
        this.#headerMax = limits.headerBytes ?? HEADER_BYTES_MAX;
        this.#bodyMax = limits.bodyBytes ?? BODY_BYTES_MAX;
    }

    /* True once the closing delimiter was read; what follows is ignored. */
    get ended() {
        return this.#state === 'end';
    }

    push(chunk) {
        if (this.#error) {
            throw this.#error;
        }

        let at = 0;

        while (at < chunk.length && this.#state !== 'end') {
            at = this.#state === 'body'
                ? this.#readBody(chunk, at)
                : this.#readLine(chunk, at);
        }
    }

    #fail(message) {
        this.#error = new MultipartError(message);
        this.#body = null;
        throw this.#error;
    }

    #readBody(chunk, at) {
        const end = Math.min(chunk.length,
                             at + this.#body.length - this.#bodyBytes);

        this.#body.set(chunk.subarray(at, end), this.#bodyBytes);
        this.#bodyBytes += end - at;

        if (this.#bodyBytes === this.#body.length) {
            this.#finishPart();
        }

        return end;
    }

    #finishPart() {
        const part = { headers: this.#headers, body: this.#body };

        this.#headers = null;
        this.#body = null;
        this.#state = 'delimiter';
        this.#headerBytes = 0;
        this.#onPart(part);
    }

    #readLine(chunk, at) {
        const newline = chunk.indexOf(LF, at);
        const end = newline === -1 ? chunk.length : newline + 1;

        this.#headerBytes += end - at;
        if (this.#headerBytes > this.#headerMax) {
            this.#fail(`part header of more than ${this.#headerMax} bytes`);
        }

        this.#line += ascii.decode(chunk.subarray(at, end));

        if (newline !== -1) {
            const line = this.#line.replace(/\r?\n$/, '');

            this.#line = '';
            this.#takeLine(line);
        }

        return end;
    }

    #takeLine(line) {
        if (this.#state === 'delimiter') {
            this.#takeDelimiter(line);

        } else if (line === '') {
            this.#startBody();

        } else {
            this.#takeHeader(line);
        }
    }

    #takeDelimiter(line) {
        if (line === this.#delimiter) {
            this.#headers = new Map();
            this.#state = 'headers';

        } else if (line === this.#delimiter + '--') {
            this.#state = 'end';

        } else if (line !== '') {
            this.#fail('a part does not end where its length says');
        }
    }

    #takeHeader(line) {
        const colon = line.indexOf(':');

        if (colon < 1) {
            this.#fail('part header without a name');
        }

        this.#headers.set(line.slice(0, colon).toLowerCase(),
                          line.slice(colon + 1).trim());
    }

    #startBody() {
        const text = this.#headers.get('content-length');

        if (text === undefined || !/^[0-9]{1,10}$/.test(text)) {
            this.#fail('part without a length');
        }

        const length = Number(text);

        if (length > this.#bodyMax) {
            this.#fail(`part of more than ${this.#bodyMax} bytes`);
        }

        this.#body = new Uint8Array(length);
        this.#bodyBytes = 0;
        this.#state = 'body';

        if (length === 0) {
            this.#finishPart();
        }
    }
}
