#!/usr/bin/env python3
"""Writes components.jsonl.gz: what Hugging Face tokenizers 0.23.3 makes of hard texts with each component of the format.

    pip install tokenizers==0.23.3 sentencepiece==0.2.3 protobuf==7.36.2
    python3 make_components.py components.jsonl.gz [RANDOM_TEXTS [SEED]]

The first line holds the texts and the models. Each further line is a tokenizer: its sections, the name of its model,
and for each text the ids, with special tokens recognised and nothing added, the ids with what the post-processor adds
(null if they are the same), and the decoded text; null where the library itself fails. Where a model cannot show how a text was split, it is "bytes": a
WordPiece that has each byte once at the start and once within a word, so that the ids show every border.
"""
import base64, gzip, io, json, random, sys
import sentencepiece
from tokenizers import Tokenizer, pre_tokenizers

ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}

LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CL100K = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
O200K = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
TEKKEN = O200K.replace(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?", "").replace(r"\p{N}{1,3}", r"\p{N}")
QWEN2 = LLAMA3.replace("{1,3}", "")
KIMI = r"[\p{Han}]+|" + O200K.replace(r"\p{Lo}", r"\p{Lo}&&[^\p{Han}]").replace(
    "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}&&[^\\p{Han}]\\p{M}]", "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]").replace(
    "[\\p{Ll}\\p{Lm}\\p{Lo}&&[^\\p{Han}]\\p{M}]", "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]")
DEEPSEEK = [r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"]
DEEPSEEK_CODER = ["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", r"\p{N}"]
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
FALCON = r"[0-9][0-9][0-9]"
DIGITS_FROM_RIGHT = r"\d{1,3}(?=(?:\d{3})*\b)"


def split(pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


def regex(pattern, *rest):
    return split({"Regex": pattern}, *rest)


def replace(pattern, content):
    return {"type": "Replace", "pattern": pattern if isinstance(pattern, dict) else {"Regex": pattern}, "content": content}


def then_bytes(*steps):
    return {"type": "Sequence", "pretokenizers": [*steps, BYTES]}


def added(id, content, **flags):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True} | flags


def charsmap(rules):
    """The table that SentencePiece compiles of rules."""
    with open("/tmp/rules.tsv", "w") as f:
        for old, new in rules:
            f.write(" ".join("%X" % ord(c) for c in old) + "\t" + " ".join("%X" % ord(c) for c in new) + "\n")
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(["a b c d e f g h"] * 9), model_writer=model, vocab_size=13,
        minloglevel=2, normalization_rule_tsv="/tmp/rules.tsv")
    from sentencepiece import sentencepiece_model_pb2 as pb
    proto = pb.ModelProto()
    proto.ParseFromString(model.getvalue())
    return base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()


RULES = [("ﬁ", "fi"), ("Ａ", "A"), ("　", " "), ("\t", " "), ("\u200b", " "), ("①", "1"), ("½", "1/2"), ("a\u0301", "á"),
    ("e\u0301", "é"), ("か\u3099", "が"), ("ｶﾞ", "ガ"), ("\u0001", ""), ("\u00ad", ""), ("Ω", "ω"), ("ﷺ", "صلى الله عليه وسلم"), ("x", "X"), ("\r", "")]


def vocab(*pieces):
    return {p: i for i, p in enumerate(dict.fromkeys(pieces))}


def models():
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    words = ["th", "the", "he", "an", "and", "in", "ing", "er", "re", "on", "lo", "ll", "hel", "hello", "wor", "world", "te", "ten", "12"]
    bpe = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
        "fuse_unk": False, "byte_fallback": False, "ignore_merges": False}
    pairs = [("t", "h"), ("th", "e"), ("h", "e"), ("a", "n"), ("an", "d"), ("i", "n"), ("l", "l"), ("l", "o"), ("he", "ll"), ("hell", "o")]
    joined = [a + b for a, b in pairs]
    signs = ["é", "ß", "中", "ا", "я", "1", "2", ".", ",", "'", "!", "-", "▁", "i\u0307", "’"]
    tokens = ["<unk>", "<s>", "</s>", *signs, *letters, *joined, *letters.__class__(c.upper() for c in letters)]
    byte_tokens = ["<0x%02X>" % b for b in range(256)]
    def subwords(prefix="", suffix=""):
        v, merges = [*tokens], []
        for c in [*signs, *letters]:
            v += [prefix + c, c + suffix, prefix + c + suffix]
        for a, b in [("t", "h"), ("h", "e"), ("th", "e"), ("l", "l"), ("l", "o"), ("a", "n"), ("an", "d"), ("i", "n"), ("中", "中")]:
            for left, right in [(a, prefix + b), (prefix + a, prefix + b), (a, prefix + b + suffix), (prefix + a, prefix + b + suffix)]:
                if (left, right) not in merges:
                    merges.append((left, right))
                    v += [left, right, left + right[len(prefix):]]
        return bpe | {"vocab": vocab(*v), "merges": merges, "unk_token": "<unk>"}
    pieces = [("<unk>", 0), ("<s>", 0), ("</s>", 0), ("▁", -2.5)] + [(c, -4 - i / 10) for i, c in enumerate([*signs, *letters]) if c != "▁"]
    pieces += [("▁" + w, -3 - i / 7) for i, w in enumerate(words)] + [(w, -3.2 - i / 9) for i, w in enumerate(words)]
    word_pieces = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", *signs, *letters, *("##" + c for c in letters + signs), *words, *("##" + w for w in words)]
    return {
        "bytes": {"type": "WordPiece", "unk_token": "Ā", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100000,
            "vocab": vocab(*ALPHABET, *("##" + c for c in ALPHABET))},
        "bpe": bpe | {"vocab": vocab(*tokens), "merges": pairs, "unk_token": "<unk>"},
        "bpe fuse": bpe | {"vocab": vocab(*tokens), "merges": pairs, "unk_token": "<unk>", "fuse_unk": True, "dropout": 0.0},
        "bpe no unk": bpe | {"vocab": vocab(*tokens), "merges": pairs},
        "bpe whole words": bpe | {"vocab": vocab(*tokens, "hel", "world"), "merges": pairs, "unk_token": "<unk>", "ignore_merges": True},
        "bpe fallback": bpe | {"vocab": vocab(*tokens, *byte_tokens), "merges": pairs, "unk_token": "<unk>", "byte_fallback": True, "fuse_unk": True},
        "bpe half fallback": bpe | {"vocab": vocab(*tokens, *byte_tokens[:0xe0]), "merges": pairs, "unk_token": "<unk>", "byte_fallback": True},
        "bpe suffix": subwords(suffix="</w>") | {"end_of_word_suffix": "</w>"},
        "bpe prefix": subwords(prefix="##") | {"continuing_subword_prefix": "##"},
        "bpe both": subwords("##", "</w>") | {"continuing_subword_prefix": "##", "end_of_word_suffix": "</w>", "fuse_unk": True},
        "wordpiece": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 20, "vocab": vocab(*word_pieces)},
        "wordlevel": {"type": "WordLevel", "unk_token": "[UNK]", "vocab": vocab("[UNK]", *words, ".", ",", "!", "'", "中", "|", "<pad>", *letters)},
        "unigram": {"type": "Unigram", "unk_id": 0, "vocab": pieces, "byte_fallback": False},
        "unigram fallback": {"type": "Unigram", "unk_id": 0, "vocab": pieces + [(t, -9.0) for t in byte_tokens], "byte_fallback": True},
    }


def tokenizers():
    """Yields the name, model and sections of each tokenizer."""
    for name, pattern in {"llama 3": LLAMA3, "cl100k": CL100K, "o200k": O200K, "tekken": TEKKEN, "qwen 2": QWEN2, "kimi": KIMI, "bloom": BLOOM,
            "falcon": FALCON, "digits from the right": DIGITS_FROM_RIGHT, "words": r"\w+", "not words": r"\W", "boundary": r"\b", "inner": r"\B",
            "lines": r"^|$", "ends": r"\A.|.\z|.\Z", "dot": r"..", "dot all": r"(?m:..)", "case": r"(?i)k|[a-f]+|'S", "posix": r"[[:alpha:]]+|[[:punct:]]",
            "posix not": r"[^[:space:][:^ascii:]]+", "sets": r"[\p{L}&&[^a-m]]+", "negated": r"[^\S\n]+", "hex": r"\h{2}", "scripts": r"\p{Han}+|\p{Hiragana}+|\p{Arabic}+|\p{Thai}+|\p{Cyrillic}+",
            "lazy": r"a.*?b|\s+?", "possessive": r"a?+\s*+\d++", "atomic": r"(?>\s+)\S", "behind": r"(?<=[a-z])(?=[A-Z])|(?<!\d)\d", "repeat": r"(?:ab){2}+|x{2}?|\d{,2}",
            "options": r"a(?i)b|c", "numbers": r"(?<=\d)(?=(?:\d{3})+(?!\d))", "escapes": "\\x{1F600}|\\u00e9|\\x41|\\t|[\\]\\-\\\\]", "nothing": r"", "empty or": r"x*"}.items():
        yield "split " + name, "bytes", {"pre_tokenizer": then_bytes(regex(pattern))}
    yield "deepseek", "bytes", {"pre_tokenizer": then_bytes(*map(regex, DEEPSEEK))}
    yield "deepseek coder", "bytes", {"pre_tokenizer": then_bytes(*map(regex, DEEPSEEK_CODER), {"type": "Digits", "individual_digits": True})}
    for behavior in ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]:
        for invert in [False, True]:
            yield f"split {behavior} {invert}", "bytes", {"pre_tokenizer": then_bytes(regex(r"\s|\d|(?=x)", behavior, invert))}
        yield "split string " + behavior, "bytes", {"pre_tokenizer": then_bytes(split({"String": "l"}, behavior))}
        yield "punctuation " + behavior, "bytes", {"pre_tokenizer": then_bytes({"type": "Punctuation", "behavior": behavior})}
    yield "split every character", "bytes", {"pre_tokenizer": then_bytes(split({"String": ""}))}
    yield "split twice", "bytes", {"pre_tokenizer": then_bytes(split({"String": " "}, "MergedWithPrevious"), regex(r"\p{N}", "MergedWithNext"))}
    for name in ["Whitespace", "WhitespaceSplit", "BertPreTokenizer"]:
        yield name, "bytes", {"pre_tokenizer": then_bytes({"type": name})}
    for flag in [False, True]:
        yield f"digits {flag}", "bytes", {"pre_tokenizer": then_bytes({"type": "Digits", "individual_digits": flag})}
        yield f"byte level {flag}", "bytes", {"pre_tokenizer": BYTES | {"use_regex": True, "add_prefix_space": flag}, "decoder": BYTES}
        yield f"byte level first {flag}", "bytes", {"pre_tokenizer": then_bytes(BYTES | {"add_prefix_space": flag}, regex("Ġ")), "decoder": BYTES}
        for scheme in ["always", "first", "never"]:
            yield f"metaspace {scheme} {flag}", "bytes", {"pre_tokenizer": then_bytes({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": flag})}
    for steps in [[split({"String": " "}, "Removed")], [regex(r"\p{L}+")]]:
        yield "metaspace first after a split", "bytes", {"pre_tokenizer": then_bytes(*steps, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"})}
    yield "delimiter", "bytes", {"pre_tokenizer": then_bytes({"type": "CharDelimiterSplit", "delimiter": " "})}
    yield "fixed length", "bytes", {"pre_tokenizer": then_bytes({"type": "FixedLength", "length": 3})}

    table = charsmap(RULES)
    normalizers = {"lowercase": {"type": "Lowercase"}, "strip": {"type": "Strip", "strip_left": True, "strip_right": True},
        "strip left": {"type": "Strip", "strip_left": True, "strip_right": False}, "nfc": {"type": "NFC"}, "nfd": {"type": "NFD"}, "nfkc": {"type": "NFKC"}, "nfkd": {"type": "NFKD"},
        "strip accents": {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}]}, "nmt": {"type": "Nmt"}, "prepend": {"type": "Prepend", "prepend": "▁"},
        "byte level": {"type": "ByteLevel"}, "empty sequence": {"type": "Sequence", "normalizers": []}, "precompiled": {"type": "Precompiled", "precompiled_charsmap": table},
        "replace": replace({"String": "l"}, "L"), "replace regex": replace(r" {2,}", " "), "replace words": replace(r"(?<=\w)\s+(?=\w)", "_"), "replace nothing": replace(r"", "-"),
        "replace ends": replace(r"\A\s|\s\z", ""),
        "t5": {"type": "Sequence", "normalizers": [{"type": "Precompiled", "precompiled_charsmap": table}, {"type": "Strip", "strip_left": False, "strip_right": True}, replace(" {2,}", "▁")]}}
    for clean, chinese, accents, lower in [(True, True, None, True), (True, True, None, False), (False, True, True, False), (True, False, False, True)]:
        normalizers[f"bert {clean} {chinese} {accents} {lower}"] = {"type": "BertNormalizer", "clean_text": clean, "handle_chinese_chars": chinese, "strip_accents": accents, "lowercase": lower}
    for name, normalizer in normalizers.items():
        yield "normalizer " + name, "bytes", {"normalizer": normalizer, "pre_tokenizer": BYTES}
    for name in ["strip left", "replace regex", "replace ends", "nmt", "precompiled", "lowercase", "prepend", "bert True True None True"]:
        yield "metaspace first after " + name, "bytes", {"normalizer": normalizers[name],
            "pre_tokenizer": then_bytes({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True})}

    bert = {"normalizer": normalizers["bert True True None True"], "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
        "added_tokens": [added(i, t) for i, t in enumerate(["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"])]}
    yield "bert", "wordpiece", bert | {"decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True}}
    yield "bert without cleanup", "wordpiece", bert | {"decoder": {"type": "WordPiece", "prefix": "##", "cleanup": False},
        "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [1, 3], "tokens": ["[CLS]", "[PAD]"]}, "[SEP]": {"id": "[SEP]", "ids": [2], "tokens": ["[SEP]"]}}}}
    yield "word level", "wordlevel", {"pre_tokenizer": {"type": "Whitespace"}}
    yield "ctc", "wordlevel", {"pre_tokenizer": split({"String": ""}), "decoder": {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True}}
    yield "ctc without cleanup", "wordlevel", {"pre_tokenizer": split({"String": ""}), "decoder": {"type": "CTC", "pad_token": "l", "word_delimiter_token": "|", "cleanup": False}}
    for name in ["bpe suffix", "bpe prefix", "bpe both"]:
        yield name, name, {"normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "WhitespaceSplit"}, "decoder": {"type": "BPEDecoder", "suffix": "</w>"}}
    for name in ["bpe", "bpe fuse", "bpe no unk", "bpe whole words", "bpe fallback", "bpe half fallback"]:
        yield name, name, {"pre_tokenizer": {"type": "Whitespace"}}
    roberta = {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1], "trim_offsets": True, "add_prefix_space": False}
    template = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
    llama_decoder = {"type": "Sequence", "decoders": [replace({"String": "▁"}, " "), {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
    yield "llama", "bpe fallback", {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, replace({"String": " "}, "▁")]}, "decoder": llama_decoder,
        "post_processor": {"type": "Sequence", "processors": [{"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}, roberta]},
        "added_tokens": [added(0, "<unk>"), added(1, "<s>"), added(2, "</s>")]}
    yield "llama with a regex", "bpe fallback", {"normalizer": replace({"String": " "}, "▁"), "post_processor": template,
        "decoder": {"type": "Sequence", "decoders": [replace({"String": "▁"}, " "), {"type": "ByteFallback"}, {"type": "Fuse"}, replace(r"\A (?! )", "")]}}
    for name in ["unigram", "unigram fallback"]:
        yield name, name, {"normalizer": normalizers["t5"], "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
            "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}, "post_processor": template}
    tokens = [added(900, "<one>"), added(5, "<two>", special=False, normalized=True), added(901, "h"), added(950, "ello", single_word=True),
        added(902, "World", special=False, normalized=True, rstrip=True), added(7, "12", lstrip=True, rstrip=True), added(8, "<ONE>", normalized=True, lstrip=True), added(9, "<one>x")]
    yield "added tokens", "bpe", {"added_tokens": tokens, "pre_tokenizer": {"type": "Whitespace"}}
    yield "added tokens lowercase", "bpe fuse", {"added_tokens": tokens, "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Whitespace"}}
    yield "added tokens metaspace", "unigram", {"added_tokens": tokens, "normalizer": {"type": "Strip", "strip_left": True, "strip_right": False},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True}}


TEXTS = ["", " ", "Hello, world!", "hello  hello   the and then", "don't DON'T we'll WE'LL I'm you've they're 'Re 's'S 'd", "it\u2019s o'clock's 'ſ K\u212a", "  two  spaces\t\ttabs \t mixed  ",
    "line\r\nline\r\r\n\n\nline\n", "\n \n\t\n x\n", "1 12 123 1234 12345 1234567890 3.14 1,000,000 ½ ² ١٢٣ ৪৫ Ⅷ", "camelCase HTMLParser snake_case kebab-case x=y+z; a/b//c\\d",
    "def f(x):\n    return x  # comment\n\n\n    pass\n", "naïve café résumé e\u0301 a\u0301 A\u030a \u0301alone", "Ünïcödé ÄÖÜ ß ẞ ŞŞ İI ı Ǆ ǅ ǆ ﬁ ﬀ ﬆ", "日本語のテキスト、中文文本。한국어 텍스트", "か\u3099 ｶﾞ Ａ　Ｂ ①②",
    "العربية نص ١٢٣ السَّلَامُ ﷺ", "עברית שָׁלוֹם", "ภาษาไทย กำลัง", "हिन्दी क्षत्रिय नमस्ते। বাংলা", "Русский текст ёлка ЁЛКА №5", "ελληνικά Σίσυφος ΣΑΣ ᾳ ᾴ", "😀😃 👨‍👩‍👧‍👦 👍🏽 🇩🇪🇫🇷 ❤️ 1️⃣ ✈",
    "\x00nul\x00 \x01\x02 \x7f \x85 \u00ad soft\u00adhyphen", "\u00a0nbsp\u00a0 \u2003em \u2028ls\u2029ps \u200bzw\u200d\u200c \ufeffbom", "\ufffd \u0378 \U000e0041 \U0010ffff \ue000", "!!! ??? ... ,.;:'\"()[]{}<>@#$%^&*~`|_+-=/", "«quotes» “curly” ‘single’ — – … • §¶",
    "a" * 50, " " * 40, "ab" * 20 + "  " + "12" * 15, "<one> <two><one>x h ello hello World  x 12 <ONE> <One>", "the<s>and</s>then <unk> [MASK] [SEP]x", "xxabababab XX xABc AbC ac aB", "…。，、।۔، (a|b) [c]", "The quick brown fox jumps over the lazy dog. 'Twas brillig!",
    "𝕳𝖊𝖑𝖑𝖔 𝟙𝟚 𠀀𪛖 🄰", "x\u0336y\u20dd z\ufe0f", "ᄒ\u1161\u11ab 각 가\u11a8", "\u0600١ \u06dd", "\u2160\u24b6\u3007", " ' n't ' do not 's .", "|h|ee|ll|lo|  |", "\ta\x0bb\x0cc\x1cd\x1f", "hell hello thethe andand 中中中 éé"]
CHARACTERS = list("  \n\r\t''abcdehlnostxyzABCSTHELO0123456789.,!?-_|/()<>▁éßñ中文字かカ가한яЖΩσςاب١ไทकिन्ä") + ["\u0301", "\u200d", "\ufe0f", "\u2028", "\u00a0", "\u3000", "\u0085", "\u0130", "\u017f", "\u212a", "\u01c5", "\u02b0",
    "\u0345", "\u00b2", "\u00bd", "\u2167", "\u0e33", "😀", "👍🏽", "🇩", "ﬁ", "Ａ", "①", "\x00", "\x01", "\u00ad", "\u200b", "\ufeff", "\ufffd", "'s", "'LL", "  ", "\r\n", "the", "hello", "12", "world", " and", "<one>", "ello", "World", "\u0378", "\U0001d7d9", "\U00020000"]


def attempt(f):
    """What a function returns; None where the library fails, which it does on some texts by an error, on some by a panic."""
    try:
        return f()
    except BaseException as e:
        if isinstance(e, KeyboardInterrupt):
            raise
        return None


def main():
    out, count, seed = sys.argv[1], int((sys.argv + ["40"])[2]), int((sys.argv + ["", "1"])[3] or 1)
    draw = random.Random(seed)
    texts = TEXTS + ["".join(draw.choices(CHARACTERS, k=draw.randint(1, 24))) for _ in range(count)]
    if count > 1000:  # far from what is tried every time
        texts = texts[len(TEXTS):]
        known = [chr(c) for c in range(0x3000) if chr(c).isprintable()]
        texts += ["".join(draw.choices(CHARACTERS + known, k=draw.randint(1, 30))) for _ in range(count)]
    all_models = models()
    with gzip.GzipFile(out, "wb", mtime=0) as f:
        def line(**fields):
            f.write((json.dumps(fields, ensure_ascii=False, separators=(",", ":")) + "\n").encode())
        line(texts=texts, models=all_models)
        for name, model, sections in tokenizers():
            file = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None} | sections
            t, bare = (Tokenizer.from_str(json.dumps(file | {"model": all_models[model]} | s)) for s in ({}, {"post_processor": None}))
            plain, whole = ([attempt(lambda: maker.encode(text).ids) for text in texts] for maker in (bare, t))
            line(name=name, model=model, sections=sections, ids=plain, wrapped=None if plain == whole else whole,
                decoded=[attempt(lambda: t.decode(ids, skip_special_tokens=False)) if ids else "" for ids in plain])


main()
