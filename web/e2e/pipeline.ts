// A real pipeline for the page: `riffle up` on a stream that the test writes.

import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { request } from "node:http";
import { promisify } from "node:util";

const root = resolve(import.meta.dirname, "../..");
const bin = resolve(import.meta.dirname, process.env.BIN ?? "../../bin");

/** patience bounds every wait; the machine may be busy, and no test waits for it to pass. */
export const patience = 120_000;

/** environ is the environment without what configures riffle on this machine. */
const environ = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("RIFFLE_")));

/** Running is a process of ours and what it printed. */
export class Running {
  printed = "";
  private readonly ended: Promise<void>;
  private readonly child: ChildProcess;

  constructor(binary: string, args: string[], cwd?: string) {
    this.child = spawn(binary === "go" ? binary : join(bin, binary), args, { env: environ, stdio: ["pipe", "pipe", "pipe"], cwd });
    for (const out of [this.child.stdout!, this.child.stderr!]) out.on("data", (chunk) => (this.printed += chunk));
    this.ended = new Promise((done) => this.child.on("close", () => done()));
    this.child.stdin!.on("error", () => {}); // it was killed
  }

  /** find waits until something was printed. */
  async find(pattern: RegExp): Promise<RegExpExecArray> {
    return until(`${pattern} in what was printed:\n${this.printed}`, () => {
      const found = pattern.exec(this.printed);
      if (!found && this.child.exitCode !== null) throw new Error(`ended before it printed ${pattern}:\n${this.printed}`);
      return found;
    });
  }

  write(line: string) {
    this.child.stdin!.write(line + "\n");
  }

  async kill() {
    this.child.kill("SIGKILL");
    await this.ended;
  }

  /** end closes what it reads, and waits until it has ended by itself. */
  async end() {
    this.child.stdin!.end();
    await this.ended;
  }
}

/** until asks again and again until there is an answer. Processes have no signals to wait for. */
export async function until<T>(what: string, ask: () => T | null | undefined | false | Promise<T | null | undefined | false>): Promise<T> {
  const deadline = Date.now() + patience;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((done) => setTimeout(done, 25));
  }
}

/** answers says whether somebody answers 200 there. */
const answers = (url: string) =>
  fetch(url).then((r) => r.ok, () => false);

export async function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once("error", failed);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
}

/** Pipeline is all of riffle, with a user who has an admin's token. */
export class Pipeline {
  readonly data = mkdtempSync(join(tmpdir(), "riffle-page-"));
  base = "";
  token = "";
  private process!: Running;
  private port = 0;
  private number = 0;

  static async start(): Promise<Pipeline> {
    const p = new Pipeline();
    p.port = await freePort();
    p.base = `http://127.0.0.1:${p.port}`;
    await p.launch();
    p.token = await p.run("token", "create", "me", "--scope", "read,write,admin", "--data", p.data);
    return p;
  }

  private async launch() {
    this.process = new Running("riffle", [
      "up", "--data", this.data, "--listen", `127.0.0.1:${this.port}`, "--debug-listen", "off", "--source", "stdin:?format=event", "--name", "test",
    ]);
    await this.process.find(/Ctrl-C stops/);
  }

  /** link is the one that the last start printed, to log in once. */
  async link(): Promise<string> {
    return (await this.process.find(/log in +(http:\S+)/))[1]!;
  }

  /** run runs a command of riffle to its end and gives what it printed. */
  async run(...args: string[]): Promise<string> {
    return new Promise((done, failed) => {
      const child = spawn(join(bin, "riffle"), args, { env: environ });
      let out = "", wrong = "";
      child.stdout.on("data", (chunk) => (out += chunk));
      child.stderr.on("data", (chunk) => (wrong += chunk));
      child.on("close", (code) => (code === 0 ? done(out.trim()) : failed(new Error(`riffle ${args.join(" ")}: ${wrong}`))));
    });
  }

  /** post hands a post to the stream, and gives its key. */
  post(post: Record<string, unknown>): string {
    const id = String(post.id ?? `${process.pid}${Date.now()}${this.number++}`);
    const whole = { network: "bluesky", author: { id: "u1", handle: "ann.example", name: "Ann" }, created_at: new Date().toISOString(), ...post, key: `test:${id}`, id: undefined };
    this.process.write(JSON.stringify(whole));
    return whole.key;
  }

  /** ask calls the API as the user, without the page. */
  async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const text = await new Promise<string>((done, failed) => {
      const r = request(this.base + path, { method, headers: { Authorization: `Bearer ${this.token}`, "Content-Type": "application/json" } }, (answer) => {
        let all = "";
        answer.on("data", (chunk) => (all += chunk));
        answer.on("end", () => (answer.statusCode! < 300 ? done(all) : failed(new Error(`${method} ${path}: ${all}`))));
      });
      r.on("error", failed);
      r.end(body === undefined ? undefined : JSON.stringify(body));
    });
    return (JSON.parse(text) as { data: T }).data;
  }

  /** kept waits until a post is a match. */
  async kept(text: string) {
    await until(`a match with ${text}`, async () => (await this.ask<{ event: { text?: string } }[]>("GET", "/v1/matches")).some((m) => m.event.text?.includes(text)));
  }

  /** dead leaves dead letters of posts with these texts, and one that is damaged. */
  async dead(...texts: string[]) {
    await promisify(execFile)("go", ["run", "./web/e2e/dead", `${this.data}/store.db`, ...texts], { cwd: root });
  }

  /** pause pauses a stage as an operator does, for an hour, and resume lets it go on. */
  pause = (stage: string, reason: string) => this.run("pause", stage, "--reason", reason, "--for", "1h", "--data", this.data);
  resume = (stage: string) => this.run("resume", stage, "--data", this.data);

  /** login makes a link that logs in, as an operator does. */
  login = async (scope: string, base = this.base) => /http:\S+/.exec(await this.run("login", "me", "--scope", scope, "--url", base, "--data", this.data))![0];

  /** hold takes the store away from all who write, until its end. */
  async hold(): Promise<Running> {
    const holder = new Running("go", ["run", "./web/e2e/hold", `${this.data}/store.db`], root);
    await holder.find(/held/);
    return holder;
  }

  /** matched is how many matches the filter has kept since it was started; it tells that to a paused api too. */
  async matched(): Promise<number> {
    const { stages } = await this.ask<{ stages: { stage: string; totals: Record<string, number> | null }[] }>("GET", "/v1/status");
    return stages.find((s) => s.stage === "filter")?.totals?.matches ?? 0;
  }

  /** delete hands the deletion of a post to the stream. */
  delete(key: string) {
    this.process.write(JSON.stringify({ key, deleted: true }));
  }

  /** api starts a process of the api alone on the same store, to be killed and started again. */
  async api(port: number): Promise<Running> {
    const api = new Running("riffle-api", ["--store", `sqlite:${this.data}/store.db`, "--listen", `127.0.0.1:${port}`, "--debug-listen", "off", "--state", this.data + "/api", "--log", "debug"]);
    await until("the api of its own", () => answers(`http://127.0.0.1:${port}/readyz`));
    return api;
  }

  async kill() {
    await this.process.kill();
  }

  async restart() {
    await this.kill();
    await this.launch();
  }

  async end() {
    await this.kill();
    rmSync(this.data, { recursive: true, force: true });
  }
}
