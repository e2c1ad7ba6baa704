/*
 * A gateway for one test file: Redis, vstream-ingest and nginx with the
 * module, from the templates that `make run` uses, in a folder of its own.
 * The cameras are lines of nginx.conf that the test chooses.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, closeSync, mkdirSync, mkdtempSync, openSync,
         readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { ROOT } from './browser.mjs';

const BUILD = resolve(ROOT, process.env.B ?? 'build');
const NGINX = '/usr/sbin/nginx';
const START_MS = 20000;
const STOP_MS = 10000;
const ALERT = new RegExp('\\[(alert|emerg|crit)\\]|exited on signal'
                         + '|Sanitizer|runtime error:');

/* A sanitized module needs its sanitizer loaded into nginx first. */
const PRELOAD = process.env.VSTREAM_PRELOAD && {
    LD_PRELOAD: process.env.VSTREAM_PRELOAD,
    ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1',
};


const pause = (ms) => new Promise((done) => setTimeout(done, ms));


async function until(what, check) {
    const end = Date.now() + START_MS;

    while (!await check()) {
        if (Date.now() > end) {
            throw new Error(`${what} did not come within ${START_MS} ms`);
        }
        await pause(50);
    }
}


export class Stack {
    #dir = mkdtempSync(join(tmpdir(), 'vstream-e2e-'));
    #port;
    #options;
    #processes = new Map();

    /*
     * Serves at this port once the first camera has its first picture.
     * Options: listen (addresses where cameras are waited for), caFile (who
     * signs their certificates), kafka (its brokers).
     */
    static async start(port, cameras, options = {}) {
        const stack = new Stack(port, options);

        try {
            stack.#configure();
            stack.#writeCameras(cameras);
            stack.#spawn('redis', 'redis-server', ['redis.conf']);
            await stack.startIngest();
            await stack.startNginx();
            await stack.#waitForPicture(cameras[0].split(' ')[0]);

        } catch (error) {
            const logs = stack.#logs().join('\n');

            await stack.#end();
            throw new Error(`${error.message}; the logs say:\n${logs}`);
        }

        return stack;
    }

    constructor(port, options) {
        this.#port = port;
        this.#options = options;
        this.url = `http://127.0.0.1:${port}/`;
    }

    /* Ends all; throws where a log holds an alert or a sanitizer's finding. */
    async stop() {
        const alerts = await this.#end();

        assert.deepEqual(alerts, []);
    }

    /* Changes the cameras in nginx.conf, and reloads. */
    async setCameras(cameras) {
        this.#writeCameras(cameras);
        this.reload();
    }

    reload() {
        this.#processes.get('nginx').kill('SIGHUP');
    }

    async startNginx() {
        const user = process.getuid() === 0 ? ' user root;' : '';

        this.#spawn('nginx', NGINX,
                    ['-p', this.#dir, '-e', join(this.#dir, 'logs/error.log'),
                     '-c', join(this.#dir, 'nginx.conf'),
                     '-g', `daemon off;${user}`], PRELOAD);
        await until('nginx', () => fetch(this.url).then((r) => r.ok,
                                                        () => false));
    }

    stopNginx() {
        return this.#stop('nginx');
    }

    /* Redis neither answers nor ends, until it goes on. */
    hangRedis() {
        this.#processes.get('redis').kill('SIGSTOP');
    }

    wakeRedis() {
        this.#processes.get('redis').kill('SIGCONT');
    }

    startIngest() {
        this.#spawn('ingest', join(BUILD, 'vstream-ingest'),
                    ['--config', join(this.#dir, 'ingest.yaml')]);
    }

    stopIngest() {
        return this.#stop('ingest');
    }

    #configure() {
        const dir = this.#dir;
        const { kafka, listen, caFile } = this.#options;
        const words = {
            ROOT, RUN_DIR: dir, PORT: this.#port,
            CONF: join(ROOT, 'conf'), HTML: join(ROOT, 'html'),
            MEDIA: join(ROOT, 'build/media'),
            MODULE: join(BUILD, 'ngx_vstream_module.so'),
            REDIS: `unix:${dir}/redis.sock`,
            REDIS_SOCKET: join(dir, 'redis.sock'), REDIS_PORT: 0,
            REPLICA: 'e2e', INGEST_PORT: this.#port + 1,
            KAFKA: kafka ? `kafka: {brokers: ["${kafka}"]}` : '',
            NGINX_SHA256: this.#password('nginx'),
            INGEST_SHA256: this.#password('ingest'),
        };

        for (const folder of ['logs', 'pids', 'credentials', 'ready', 'data',
                              'tmp']) {
            mkdirSync(join(dir, folder));
        }

        for (const [template, file] of [
            ['local/redis.conf', 'redis.conf'],
            ['redis/users.acl', 'users.acl'],
            ['nginx.conf', 'nginx.conf'],
            ['local/ingest.yaml', 'ingest.yaml'],
        ]) {
            const text = readFileSync(join(ROOT, 'conf', template), 'utf8');

            writeFileSync(join(dir, file), text.replace(
                /@([A-Z0-9_]+)@/g, (whole, word) => words[word] ?? whole));
        }

        this.#allowSources(join(dir, 'ingest.yaml'), {
            listen, ca_file: caFile,
        });
        writeFileSync(join(dir, 'local.conf'),
                      `listen 127.0.0.1:${this.#port};\n`);
    }

    /* What ingest's template does not say of sources. */
    #allowSources(file, values) {
        const lines = Object.entries(values)
            .filter(([, value]) => value !== undefined)
            .map(([key, value]) => `  ${key}: ${JSON.stringify(value)}\n`);

        writeFileSync(file, readFileSync(file, 'utf8').replace(
            /^sources:\n/m, (line) => line + lines.join('')));
    }

    /* Of a user of Redis: a file of its own; returns what users.acl holds. */
    #password(user) {
        const password = randomBytes(18).toString('base64');

        writeFileSync(join(this.#dir, `redis-${user}.password`), password,
                      { mode: 0o600 });

        return createHash('sha256').update(password).digest('hex');
    }

    #writeCameras(cameras) {
        writeFileSync(join(this.#dir, 'cameras.conf'),
                      cameras.map((c) => `vstream_camera ${c};\n`).join(''));
    }

    #spawn(name, command, args, environment = {}) {
        const log = openSync(join(this.#dir, 'logs', `${name}.log`), 'a');
        const child = spawn(command, args, {
            cwd: this.#dir,
            env: { ...process.env, ...environment },
            stdio: ['ignore', log, log],
        });

        child.ended = new Promise((done) => {
            child.once('exit', done);
            child.once('error', (error) => {
                appendFileSync(join(this.#dir, 'logs', `${name}.log`),
                               `${error.message}\n`);
                done();
            });
        });
        closeSync(log);
        this.#processes.set(name, child);
    }

    async #stop(name) {
        const child = this.#processes.get(name);
        const timer = setTimeout(() => child?.kill('SIGKILL'), STOP_MS);

        this.#processes.delete(name);
        child?.kill('SIGTERM');
        await child?.ended;
        clearTimeout(timer);
    }

    #waitForPicture(camera) {
        return until('the first picture', () =>
            fetch(`${this.url}live/${camera}/frame.jpg`)
                .then((r) => r.arrayBuffer().then(() => r.ok), () => false));
    }

    #logs() {
        const dir = join(this.#dir, 'logs');

        return readdirSync(dir).flatMap((file) =>
            readFileSync(join(dir, file), 'utf8').split('\n').slice(-20)
                .map((line) => `${file}: ${line}`));
    }

    async #end() {
        for (const name of ['nginx', 'ingest', 'redis']) {
            await this.#stop(name);
        }

        const dir = join(this.#dir, 'logs');
        const alerts = readdirSync(dir).flatMap((file) =>
            readFileSync(join(dir, file), 'utf8').split('\n')
                .filter((line) => ALERT.test(line)));

        rmSync(this.#dir, { recursive: true });

        return alerts;
    }
}
