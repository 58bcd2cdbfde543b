// Times llama.cpp's prebuilt library: answers each line of work on stdin with its seconds on stdout.
//   prefill N           N tokens from an empty context, logits of the last
//   decode DEPTH COUNT  COUNT tokens one by one after DEPTH others, logits of each; only they are timed
// Arguments: the folder of the package @node-llama-cpp/linux-x64, the GGUF file, threads, context, vocabulary.
import {readFileSync} from "node:fs";
import {createRequire} from "node:module";
import {createInterface} from "node:readline";
import {join} from "node:path";

const [folder, file, threads, contextSize, vocabulary] = process.argv.slice(2);
const bins = join(folder, "bins", "linux-x64");
const addon = createRequire(import.meta.url)(join(bins, "llama-addon.node"));
const batchSize = 512;

let log = "";
addon.setLogger((level, message) => { log += message; });
addon.setLoggerLogLevel(5);

async function load() {
    addon.loadBackends(bins);
    await addon.init();
    const model = new addon.AddonModel(file, {addonExports: addon, useMmap: true, gpuLayers: 0});
    if (!await model.init()) throw new Error("the model does not load");
    const context = new addon.AddonContext(model, {
        contextSize: Number(contextSize), batchSize, sequences: 1, threads: Number(threads), flashAttention: "auto",
    });
    if (!await context.init()) throw new Error("the context does not load");
    return {model, context};
}

const token = (i) => (i * 7919 + 11) % Number(vocabulary);

// feed appends tokens from position at in one batch and computes the logits of the last. It returns their index.
async function feed(context, at, count) {
    context.initBatch(count);
    const tokens = Uint32Array.from({length: count}, (_, i) => token(at + i));
    const [index] = context.addToBatch(0, at, tokens, Uint32Array.of(count - 1));
    await context.decodeBatch();
    return index;
}

async function read(context, n) {
    let last;
    for (let at = 0; at < n; at += batchSize) last = await feed(context, at, Math.min(batchSize, n - at));
    return last;
}

async function timed(work) {
    const start = process.hrtime.bigint();
    await work();
    return Number(process.hrtime.bigint() - start) / 1e9;
}

// checkLogits fails unless all logits after a few tokens are numbers.
async function checkLogits({model, context}) {
    const last = await read(context, 5);
    const sampler = new addon.AddonSampler(model);
    sampler.applyConfig({temperature: 0});
    const logits = (await context.sampleToken(last, sampler, false, false, true))[3];
    const values = logits.filter((_, i) => i % 2 === 1);
    if (values.length !== Number(vocabulary) || !values.every(Number.isFinite) || new Set(values).size < 2) {
        throw new Error(`the logits are no numbers: ${values.slice(0, 4)}, ${values.length} of ${vocabulary}`);
    }
}

const works = {
    prefill: async (context, n) => timed(() => read(context, n)),
    decode: async (context, depth, count) => {
        await read(context, depth);
        return timed(async () => {
            for (let i = 0; i < count; i++) await feed(context, depth + i, 1);
        });
    },
};

async function answer(context, line) {
    const [name, ...sizes] = line.trim().split(/\s+/);
    if (!works[name]) throw new Error(`unknown work: ${line}`);
    context.disposeSequence(0);
    return (await works[name](context, ...sizes.map(Number))).toFixed(9);
}

try {
    const loaded = await load();
    await checkLogits(loaded);
    const backend = log.match(/libggml-cpu-\w+/)?.[0] ?? "";
    const {version} = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    console.log(`ready llama.cpp (@node-llama-cpp/linux-x64 ${version}) ${backend} ${addon.systemInfo().trim()}`);
    for await (const line of createInterface({input: process.stdin})) console.log(await answer(loaded.context, line));
} catch (e) {
    console.error(log.split("\n").slice(-20).join("\n"));
    console.log(`error ${e.message}`);
}
process.exit();
