"""Makes the folders of folders/: tokenizers in the forms that model folders hold them in, each with encodings.jsonl by
transformers (special tokens recognised, nothing added around a text) and, for SentencePiece models, sentencepiece.jsonl by
the sentencepiece library.

    pip install transformers==5.24.0 tokenizers==0.23.3 sentencepiece==0.2.3 protobuf==7.36.2
    python folders.py folders

The texts are words thrown together, the same on every machine.
"""
import gzip, io, json, os, random, sys

import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2 as pb
from tokenizers import ByteLevelBPETokenizer, BertWordPieceTokenizer
from transformers import AutoTokenizer

out = sys.argv[1]
WORDS = [
    "the a of and to in is it that for on with as at by from this be are was not or an they which one had all there when what so up out "
    "fox wolf river mountain winter summer light lighter lightest window wonder wander singing singer sung walking walked talker talks "
    "measure measured measurement number numbers faster fastest slow slower model models token tokens word words reading reader read "
    "interesting interested unaffable unable undone understand understanding stood standing 1 2 12 1998 2026 3.14 10,000 don't it's we'll".split(),
    "и в не на что он с как это по но они мы был для так вы от из река гора зима лето свет светлее окно чудо чудеса "
    "петь певец пение идти шёл читать читатель слово слова число числа быстрее медленно модель модели понимать понимание".split(),
    "func return if err != nil { } ( ) := for range len(x) string []byte map[string]int fmt.Println(\"hi\") // i++ x.y == 0x1F <- chan go "
    "\t\tvar \treturn \tif package main import type struct interface".split(" "),
]
rng = random.Random(1)


def line(words):
    return " ".join(words[min(int(rng.expovariate(5 / len(words))), len(words) - 1)] for _ in range(rng.randint(3, 14))) + rng.choice(["", ".", "!", ";", ", "])


train = [line(words) for words in WORDS for _ in range(700)]
ODD = [
    "", " ", "  ", "a", " a", "  a", "a ", "a  b", "a   b ", "\n", "\n\n", "a\nb", " \n a", "\t", "a\tb", "a\r\nb",
    "\u00a0", "a\u00a0b", "\u3000", "\u200b", "caf\u00e9", "cafe\u0301", "\ufb01re", "\uff21\uff11", "\u2460", "\u2581", "\u2581a", "a\u2581b",
    "\u4f60\u597d", "\U0001f600", "\U0001f468\u200d\U0001f469", "1234567", "3.14", "a1b2", "don't", "DON'T", "it's we'll",
    "<s>", "</s>", "<s>a", "a<s>b", "a <s> b", "<unk>", "<0x41>", "<0x0A>x", "<pad>", "<mask>", "a <mask> b", "<|endoftext|>", "a<|endoftext|> b",
    "<ctrl>", "a <ctrl> b", "fox", "the fox", "foxfox", "a foxglove", "<|user|>", "hi<|user|>there", " <|user|> ", "<extra>", "x <extra> y",
    "[CLS] a [SEP]", "[MASK]", "unaffable", "\u0130\u0131", "\u00df", "\u0419\u0438\u0306", "a\u0000b", "\ufffd", "\ufeffa", "aaaaaaaaaaaaaaaa", "zzzz qqqq", "e e  e   e    e",
]
lines = [line(words) for words in WORDS for _ in range(30)]
SAMPLE = ODD + lines + ["\n".join(rng.sample(lines, 3)) for _ in range(10)] + ["  " + line + "  " for line in rng.sample(lines, 10)]


def write(path, text, pack=False):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    data = text if isinstance(text, bytes) else text.encode("utf-8")
    if pack:
        path += ".gz"
        buf = io.BytesIO()
        with gzip.GzipFile(fileobj=buf, mode="wb", mtime=0) as z:
            z.write(data)
        data = buf.getvalue()
    with open(path, "wb") as f:
        f.write(data)


def records(rows):
    return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)


def reference(name):
    dir = os.path.join(out, name)
    t = AutoTokenizer.from_pretrained(dir)
    rows = []
    for text in SAMPLE:
        ids = t.encode(text, add_special_tokens=False)
        rows.append({"text": text, "ids": ids, "decoded": t.decode(ids, clean_up_tokenization_spaces=False)})
    write(os.path.join(dir, "encodings.jsonl"), records(rows), True)
    return t


def config(name, file, **members):
    write(os.path.join(out, name, file), json.dumps(members))


# vocab.json + merges.txt
bpe = ByteLevelBPETokenizer()
bpe.train_from_iterator(train, vocab_size=420, special_tokens=["<|endoftext|>"], show_progress=False)
model = json.loads(bpe.to_str())["model"]


def pair(name, vocab):
    write(os.path.join(out, name, "vocab.json"), json.dumps(vocab, ensure_ascii=False))
    write(os.path.join(out, name, "merges.txt"), "#version: 0.2\n" + "".join(" ".join(m) + "\n" for m in model["merges"]))


pair("gpt2-plain", model["vocab"])
config("gpt2-plain", "tokenizer_config.json", tokenizer_class="GPT2Tokenizer")
reference("gpt2-plain")

pair("gpt2-added", model["vocab"])
config("gpt2-added", "tokenizer_config.json", tokenizer_class="GPT2Tokenizer", add_prefix_space=True, pad_token="<pad>", bos_token="<|endoftext|>",
       added_tokens_decoder={"420": {"content": "<extra>", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False, "special": False},
                             "421": {"content": "<|user|>", "lstrip": False, "rstrip": True, "normalized": False, "single_word": False, "special": True}})
reference("gpt2-added")

pair("gpt2-map", model["vocab"])
config("gpt2-map", "tokenizer_config.json", tokenizer_class="GPT2Tokenizer")
config("gpt2-map", "special_tokens_map.json", eos_token="</s>", pad_token={"content": "<pad>", "lstrip": False, "rstrip": False, "normalized": False, "single_word": False},
       additional_special_tokens=["<|user|>"])
config("gpt2-map", "added_tokens.json", **{"<extra>": 420})
reference("gpt2-map")

roberta = ["<s>", "<pad>", "</s>", "<unk>"] + [p for p in sorted(model["vocab"], key=model["vocab"].get) if not p.startswith("<|")] + ["<mask>"]
pair("roberta", {p: i for i, p in enumerate(roberta)})
config("roberta", "tokenizer_config.json", tokenizer_class="RobertaTokenizer")
reference("roberta")

pair("qwen2", model["vocab"])
config("qwen2", "tokenizer_config.json", tokenizer_class="Qwen2Tokenizer")
reference("qwen2")

# vocab.txt; the trainer's order is not the same each time
wp = BertWordPieceTokenizer(lowercase=True)
wp.train_from_iterator(train, vocab_size=400, show_progress=False)
words = [w for w, _ in sorted(wp.get_vocab().items(), key=lambda x: x[1])]
for name, members in (("bert-uncased", {}), ("bert-cased", {"do_lower_case": False, "tokenize_chinese_chars": False, "strip_accents": True})):
    write(os.path.join(out, name, "vocab.txt"), "\n".join(words) + "\n")
    config(name, "tokenizer_config.json", tokenizer_class="BertTokenizer", **members)
    reference(name)


# tokenizer.model
def sentencepiece(name, unused=(), members={}, cls="TokenizersBackend", **options):
    buf = io.BytesIO()
    spm.SentencePieceTrainer.train(sentence_iterator=iter(train), model_writer=buf, minloglevel=2, num_threads=1, **options)
    m = pb.ModelProto()
    m.ParseFromString(buf.getvalue())
    for p in m.pieces:
        if p.piece in unused:
            p.type = 5
    data = m.SerializeToString(deterministic=True)
    dir = os.path.join(out, name)
    write(os.path.join(dir, "tokenizer.model"), data)
    config(name, "tokenizer_config.json", tokenizer_class=cls, **members)
    t = reference(name)
    s = spm.SentencePieceProcessor(model_proto=data)
    rows = [{"text": text, "ids": s.encode(text)} for text in SAMPLE]
    write(os.path.join(dir, "sentencepiece.jsonl"), records(rows), True)
    same = sum(r["ids"] == t.encode(r["text"], add_special_tokens=False) for r in rows)
    print(f"{name}: transformers as sentencepiece in {same} of {len(rows)} texts")
    for r in rows:
        if r["ids"] != t.encode(r["text"], add_special_tokens=False):
            print("   ", repr(r["text"])[:60])
    if cls == "LlamaTokenizer":  # which reads none of the settings of the model
        os.remove(os.path.join(dir, "encodings.jsonl.gz"))
    with open(os.path.join(dir, "tokenizer.model"), "rb") as f:
        write(os.path.join(dir, "tokenizer.model"), f.read(), True)
    os.remove(os.path.join(dir, "tokenizer.model"))


sentencepiece("spm-bpe", model_type="bpe", vocab_size=560, byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
              split_digits=True, character_coverage=0.999)
sentencepiece("spm-bpe-user", model_type="bpe", vocab_size=450, normalization_rule_name="identity", user_defined_symbols=["<|user|>", "fox", "foxglove"],
              control_symbols=["<ctrl>"], character_coverage=0.999)
sentencepiece("spm-bpe-unused", model_type="bpe", vocab_size=300, normalization_rule_name="identity", unused=["\u2581the", "in", "er"], character_coverage=0.99)
sentencepiece("spm-bpe-first", members={"legacy": False, "add_bos_token": True}, model_type="bpe", vocab_size=300, normalization_rule_name="identity",
              remove_extra_whitespaces=False, control_symbols=["<ctrl>"], character_coverage=0.99)
sentencepiece("spm-unigram", model_type="unigram", hard_vocab_limit=False, vocab_size=450, normalization_rule_name="nmt_nfkc", user_defined_symbols=["<|user|>", "fox"],
              control_symbols=["<ctrl>"], character_coverage=0.999, pad_id=3)
sentencepiece("spm-unigram-bytes", model_type="unigram", hard_vocab_limit=False, vocab_size=700, byte_fallback=True, normalization_rule_name="identity", add_dummy_prefix=False,
              remove_extra_whitespaces=False, character_coverage=0.99)


# Settings of the normaliser, with rules of its own: those of nmt_nfkc_cf are a large table.
with open("/tmp/rules.tsv", "w") as f:
    for old, new in [("\u3000", " "), ("\u00a0", " "), ("\t", " "), ("\n", " "), ("\r", " "), ("\u200b", ""), ("\ufeff", ""), ("\ufb01", "fi"), ("e\u0301", "\u00e9"), ("\u2460", "1")] + [
            (chr(c), chr(c + 32)) for c in [*range(65, 91), *range(0x410, 0x430)]]:
        f.write(" ".join("%X" % ord(c) for c in old) + "\t" + " ".join("%X" % ord(c) for c in new) + "\n")
sentencepiece("spm-bpe-rules", model_type="bpe", vocab_size=320, normalization_rule_tsv="/tmp/rules.tsv", add_dummy_prefix=False, character_coverage=0.99)
sentencepiece("spm-unigram-llama", cls="LlamaTokenizer", model_type="unigram", hard_vocab_limit=False, vocab_size=300, normalization_rule_tsv="/tmp/rules.tsv",
              add_dummy_prefix=False, character_coverage=0.99)
