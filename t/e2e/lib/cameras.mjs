/*
 * Cameras of every kind for one test file, all of the same street: the
 * programs that send it, and the lines of nginx.conf that take it in.  Ports
 * are counted from a first one.
 */

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync,
         writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';

import { ROOT } from './browser.mjs';

const BUILD = resolve(ROOT, process.env.B ?? 'build');
const STREET = join(ROOT, 'build/media/street.mp4');
const TREE = join(ROOT, 'build/media/tree.mjpeg');
const START_MS = 60000;
const AGAIN_MS = 500;

const FFMPEG = ['-nostdin', '-loglevel', 'error', '-re', '-stream_loop', '-1',
                '-i', STREET, '-map', '0:v', '-c', 'copy'];

const TYPES = { m3u8: 'application/vnd.apple.mpegurl', ts: 'video/mp2t' };

const pause = (ms) => new Promise((done) => setTimeout(done, ms));


const listens = (port) => new Promise((done) => {
    const socket = connect(port, '127.0.0.1');

    socket.once('connect', () => { socket.destroy(); done(true); });
    socket.once('error', () => done(false));
});


async function until(what, check) {
    const end = Date.now() + START_MS;

    while (!await check()) {
        if (Date.now() > end) {
            throw new Error(`${what} did not come within ${START_MS} ms`);
        }
        await pause(100);
    }
}


export class Cameras {
    #dir = mkdtempSync(join(tmpdir(), 'vstream-cameras-'));
    #first;
    #ended = false;
    #children = new Map();
    #servers = [];

    constructor(first) {
        this.#first = first;
        this.caFile = join(this.#dir, 'camera.crt');
        this.kafka = `127.0.0.1:${this.#port(8)}`;
        this.listen = [`127.0.0.1:${this.#port(6)}`];
    }

    /* Their lines, once all of them send. */
    async start() {
        this.#rtsp();
        this.#rtsps();
        this.#mjpeg();
        await this.#rtmp();
        this.#flv();
        this.#transport();
        this.#srt();
        await this.#http();
        await this.#broker();

        return this.#lines();
    }

    async stop() {
        this.#ended = true;
        this.#servers.forEach((server) => server.close());

        for (const child of this.#children.values()) {
            child.kill('SIGTERM');
        }

        await Promise.all([...this.#children.values()].map((c) => c.ended));
        rmSync(this.#dir, { recursive: true });
    }

    #port(n) {
        return this.#first + n;
    }

    #lines() {
        const at = (n) => `127.0.0.1:${this.#port(n)}`;

        return [
            'pattern test: name=test',
            `rtsp-tcp rtsp://${at(0)}/street "name=RTSP over TCP"`,
            `rtsp-udp rtsp://${at(0)}/street transport=udp`
            + ' "name=RTSP over UDP"',
            `rtsps rtsps://${at(10)}/street "name=RTSP over TLS"`,
            `rtmp rtmp://${at(2)}/live/street name=RTMP`,
            `srt srt://${at(5)} name=SRT`,
            `http-flv http://${at(3)}/street.flv name=HTTP-FLV`,
            `http-ts http://${at(4)}/street.ts "name=MPEG-TS over HTTP"`,
            `udp-ts udp://${at(6)} "name=MPEG-TS over UDP"`,
            `hls http://${at(7)}/street.m3u8 name=HLS`,
            `mjpeg http://${at(1)}/video.mjpg name=MJPEG`,
            `jpeg http://${at(7)}/still.jpg interval=0.5 "name=JPEG, polled"`,
            'kafka kafka:pictures name=Kafka',
            `file file:${STREET} name=file`,
        ];
    }

    /* Starts it again when it ends, as cameras do. */
    #run(name, command, args, options = {}) {
        const log = openSync(join(this.#dir, `${name}.log`), 'a');
        const child = spawn(command, args,
                            { stdio: ['ignore', log, log], ...options });

        child.ended = new Promise((done) => {
            child.once('exit', done);
            child.once('error', done);
        });
        child.ended.then(async () => {
            await pause(AGAIN_MS);
            if (!this.#ended) {
                this.#run(name, command, args, options);
            }
        });
        this.#children.set(name, child);
    }

    #ffmpeg(name, ...output) {
        this.#run(name, 'ffmpeg', [...FFMPEG, ...output]);
    }

    #rtsp() {
        this.#run('rtsp', join(BUILD, 'rtsp_camera'),
                  ['--port', this.#port(0), '--mount', '/street', '--file',
                   STREET]);
    }

    /* The same camera behind TLS. */
    #rtsps() {
        const key = join(this.#dir, 'camera.key');

        execFileSync('openssl', [
            'req', '-x509', '-newkey', 'ec', '-pkeyopt',
            'ec_paramgen_curve:P-256', '-nodes', '-days', '1', '-subj',
            '/CN=camera', '-addext', 'subjectAltName=IP:127.0.0.1',
            '-keyout', key, '-out', this.caFile,
        ], { stdio: 'ignore' });

        const server = createTlsServer({
            key: readFileSync(key), cert: readFileSync(this.caFile),
        }, (socket) => {
            const camera = connect(this.#port(0), '127.0.0.1');

            socket.pipe(camera).pipe(socket);
            socket.on('error', () => camera.destroy());
            camera.on('error', () => socket.destroy());
        });

        server.listen(this.#port(10), '127.0.0.1');
        this.#servers.push(server);
    }

    #mjpeg() {
        this.#run('mjpeg', join(BUILD, 'http_camera'),
                  ['--port', this.#port(1), '--file', TREE, '--fps', '15']);
    }

    async #rtmp() {
        const conf = join(this.#dir, 'rtmp.conf');

        writeFileSync(conf, `
            load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
            daemon off;
            pid ${this.#dir}/rtmp.pid;
            worker_processes 1;
            events { }
            rtmp {
                server {
                    listen 127.0.0.1:${this.#port(2)};
                    application live { live on; }
                }
            }\n`);
        this.#run('rtmp', '/usr/sbin/nginx',
                  ['-c', conf, '-e', join(this.#dir, 'rtmp-error.log')]);
        await until('RTMP', () => listens(this.#port(2)));
        this.#ffmpeg('publisher', '-f', 'flv',
                     `rtmp://127.0.0.1:${this.#port(2)}/live/street`);
    }

    #flv() {
        this.#ffmpeg('flv', '-f', 'flv', '-listen', '1',
                     `http://127.0.0.1:${this.#port(3)}/street.flv`);
    }

    #transport() {
        this.#ffmpeg('http-ts', '-f', 'mpegts', '-listen', '1',
                     `http://127.0.0.1:${this.#port(4)}/street.ts`);
        this.#ffmpeg('udp-ts', '-f', 'mpegts',
                     `udp://127.0.0.1:${this.#port(6)}?pkt_size=1316`);
    }

    #srt() {
        this.#ffmpeg('srt', '-f', 'mpegts',
                     `srt://127.0.0.1:${this.#port(5)}?mode=listener`);
    }

    /* HLS, and a picture that changes twice a second. */
    async #http() {
        const dir = join(this.#dir, 'hls');

        mkdirSync(dir);
        execFileSync('ffmpeg', ['-nostdin', '-loglevel', 'error', '-i', STREET,
                                '-vf', 'fps=2', '-frames:v', '8', '-q:v', '4',
                                join(this.#dir, 'still%d.jpg')]);
        this.#ffmpeg('hls', '-f', 'hls', '-hls_time', '1', '-hls_list_size',
                     '5', '-hls_flags', 'delete_segments',
                     join(dir, 'street.m3u8'));

        const server = createServer((request, response) => {
            const name = request.url.slice(1);
            const now = Math.floor(Date.now() / 500);

            try {
                if (name === 'still.jpg') {
                    response.setHeader('ETag', `"${now}"`);
                    response.setHeader('Content-Type', 'image/jpeg');
                    response.end(readFileSync(
                        join(this.#dir, `still${now % 8 + 1}.jpg`)));
                    return;
                }

                const bytes = readFileSync(join(dir, name));

                response.setHeader('Content-Type',
                                   TYPES[name.split('.').at(-1)]);
                response.end(bytes);

            } catch {
                response.statusCode = 404;
                response.end();
            }
        });
        server.listen(this.#port(7), '127.0.0.1');
        this.#servers.push(server);
    }

    /* A picture goes out by kcat, four times a second. */
    async #broker() {
        const dir = join(this.#dir, 'kafka');
        const at = (n) => `127.0.0.1:${this.#port(n)}`;

        mkdirSync(dir);
        writeFileSync(join(dir, 'server.properties'), readFileSync(
            join(ROOT, 'conf/local/kafka/server.properties'), 'utf8')
            .replaceAll('@KAFKA_ADDRESS@', at(8))
            .replaceAll('@CONTROLLER@', at(9))
            .replaceAll('@RUN_DIR@', this.#dir));
        this.#run('kafka', join(ROOT, 'conf/local/kafka/broker'), [dir]);
        await until('Kafka', () => listens(this.#port(8)));
        this.#run('producer', 'sh', ['-c', `
            while :; do
                for i in 1 2 3 4 5 6 7 8; do
                    kcat -P -b ${at(8)} -t pictures "$0/still$i.jpg"
                    sleep 0.25
                done
            done`, this.#dir]);
    }
}
