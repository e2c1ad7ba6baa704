/*
 * Reporter for node:test under prove: one line for each test, and what went
 * wrong as comments.  Node's own adds YAML that prove cannot read.
 */

import { inspect } from 'node:util';


function commentsOf(error) {
    const cause = error?.cause ?? error;

    return (cause?.stack ?? inspect(cause)).split('\n')
        .map((line) => `#   ${line}\n`).join('');
}


export default async function* report(events) {
    let count = 0;

    for await (const { type, data } of events) {
        if (data.nesting !== 0
            || !['test:pass', 'test:fail'].includes(type))
        {
            continue;
        }

        count++;

        if (type === 'test:pass') {
            yield `ok ${count} - ${data.name}\n`;
        } else {
            yield `not ok ${count} - ${data.name}\n`;
            yield commentsOf(data.details.error);
        }
    }

    yield `1..${count}\n`;
}
