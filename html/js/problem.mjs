/*
 * Error answers of the server: application/problem+json (RFC 9457), and what
 * to say where a proxy answered in its place.
 */

const TEXT_MAX = 300;


function textOf(value) {
    return typeof value === 'string' ? value.slice(0, TEXT_MAX) : '';
}


/* {status, title, detail}: plain text, for textContent. */
export async function readProblem(response) {
    const problem = { status: response.status, title: '', detail: '' };
    const type = response.headers.get('content-type') ?? '';

    if (type.startsWith('application/problem+json')) {
        try {
            const body = await response.json();

            problem.title = textOf(body.title);
            problem.detail = textOf(body.detail);

        } catch {
            /* Cut or not JSON: the status says enough. */
        }
    }

    problem.title ||= `The server answered ${response.status}.`;

    return problem;
}
