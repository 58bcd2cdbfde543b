package tokenizer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/archbench/archbench/internal/strictjson"
)

// settingsFiles accompany a vocabulary and say which tokens are special and how a text begins. Each is optional.
var settingsFiles = []string{"tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"}

// settings holds the settings files' contents, with the names that transformers uses.
type settings struct {
	namedTokens
	Class          string                `json:"tokenizer_class"`
	AddPrefixSpace *bool                 `json:"add_prefix_space"`
	AddBOS         *bool                 `json:"add_bos_token"`
	AddEOS         *bool                 `json:"add_eos_token"`
	Legacy         *bool                 `json:"legacy"`
	LowerCase      *bool                 `json:"do_lower_case"`
	StripAccents   *bool                 `json:"strip_accents"`
	ChineseChars   *bool                 `json:"tokenize_chinese_chars"`
	AddedTokens    map[string]addedToken `json:"added_tokens_decoder"` // by id

	// Set by the class:
	normalizer any    // a component of a tokenizer.json; nil: none
	split      string // the regular expression for words; "": GPT-2's
	framed     bool   // a document begins with cls_token and ends with sep_token
}

// namedTokens are the special tokens with a role.
type namedTokens struct {
	BOS        *namedToken    `json:"bos_token"`
	EOS        *namedToken    `json:"eos_token"`
	Unk        *namedToken    `json:"unk_token"`
	Sep        *namedToken    `json:"sep_token"`
	Pad        *namedToken    `json:"pad_token"`
	CLS        *namedToken    `json:"cls_token"`
	Mask       *namedToken    `json:"mask_token"`
	Additional namedTokenList `json:"additional_special_tokens"`
	Extra      namedTokenList `json:"extra_special_tokens"`
}

// list returns the tokens in the order in which those without an id are assigned one.
func (n *namedTokens) list() []addedToken {
	var all []addedToken
	for _, t := range []*namedToken{n.BOS, n.EOS, n.Unk, n.Sep, n.Pad, n.CLS, n.Mask} {
		if t != nil {
			all = append(all, addedToken(*t))
		}
	}
	for _, t := range slices.Concat(n.Additional, n.Extra) {
		all = append(all, addedToken(t))
	}
	return all
}

// namedToken is a spelling, or an object that contains one.
type namedToken addedToken

// special returns a special token with that spelling.
func special(content string) *namedToken { return &namedToken{Content: content, Special: true} }

// UnmarshalJSON implements [json.Unmarshaler].
func (t *namedToken) UnmarshalJSON(data []byte) error {
	*t = namedToken{}
	err := json.Unmarshal(data, &t.Content)
	if err != nil {
		err = json.Unmarshal(data, (*addedToken)(t))
	}
	t.Special = true
	return err
}

// namedTokenList is a list of tokens, or an object of tokens by role.
type namedTokenList []namedToken

// UnmarshalJSON implements [json.Unmarshaler].
func (l *namedTokenList) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte("{")) {
		var roles map[string]namedToken
		err := json.Unmarshal(data, &roles)
		for _, role := range slices.Sorted(maps.Keys(roles)) {
			*l = append(*l, roles[role])
		}
		return err
	}
	return json.Unmarshal(data, (*[]namedToken)(l))
}

// readSettings reads the settings files over the defaults of the class they name, and returns the tokens with given ids
// in id order. As in transformers, special_tokens_map.json counts only beside a config that lists no added tokens, and
// added_tokens.json adds only tokens that are listed nowhere else.
func readSettings(files map[string][]byte, defaults func(class string) (settings, error)) (settings, []addedToken, error) {
	var named settings
	var plain map[string]int32
	if err := cmp.Or(readJSON(files, "tokenizer_config.json", &named), readJSON(files, "added_tokens.json", &plain)); err != nil {
		return named, nil, err
	}
	s, err := defaults(strings.TrimSuffix(named.Class, "Fast"))
	if err != nil {
		return s, nil, fmt.Errorf("tokenizer_config.json: %w", err)
	}
	if err := readJSON(files, "tokenizer_config.json", &s); err != nil {
		return s, nil, err
	}
	if s.AddedTokens == nil {
		if err := readJSON(files, "special_tokens_map.json", &s.namedTokens); err != nil {
			return s, nil, err
		}
	}
	added, err := s.added(plain)
	return s, added, err
}

// readJSON reads one optional file. It ignores unknown keys.
func readJSON(files map[string][]byte, name string, v any) error {
	data, ok := files[name]
	if !ok {
		return nil
	}
	text, err := strictjson.Standard(data)
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// added returns the tokens with given ids, in id order. plain holds the tokens of added_tokens.json.
func (s *settings) added(plain map[string]int32) ([]addedToken, error) {
	byID := map[int32]addedToken{}
	for key, t := range s.AddedTokens {
		id, err := strconv.ParseInt(key, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("tokenizer_config.json: added_tokens_decoder: %q is not an id", key)
		}
		t.ID = int32(id)
		byID[t.ID] = t
	}
	special := map[string]bool{}
	for _, t := range s.list() {
		special[t.Content] = true
	}
	for content, id := range plain {
		if _, ok := byID[id]; !ok {
			byID[id] = addedToken{ID: id, Content: content, Special: special[content], Normalized: !special[content]}
		}
	}
	var all []addedToken
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		all = append(all, byID[id])
	}
	return all, nil
}

// withNamed adds the special tokens with a role to the tokens with given ids. A token missing from the vocabulary gets
// the next id.
func withNamed(added, named []addedToken, vocab map[string]int32) []addedToken {
	next, known := int32(len(vocab)), map[string]bool{}
	for _, t := range added {
		next, known[t.Content] = max(next, t.ID+1), true
	}
	for _, t := range named {
		if known[t.Content] {
			continue
		}
		known[t.Content] = true
		id, ok := vocab[t.Content]
		if !ok {
			id = next
			next++
		}
		t.ID = id
		added = append(added, t)
	}
	return added
}
