package api

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"hash/maphash"
	"net/http"
	"strconv"
	"sync"
	"time"

	"riffle/pkg/event"
	"riffle/pkg/rule"
)

// RuleReader reads the rules of one user.
type RuleReader interface {
	// Rules lists them by ascending id.
	Rules(ctx context.Context, user int64) ([]rule.Rule, error)
	// CountRules tells how many there are.
	CountRules(ctx context.Context, user int64) (int, error)
	// Rule gives one.
	// Errors: event.ErrNotFound, also for another user's.
	Rule(ctx context.Context, user, id int64) (rule.Rule, error)
	// RuleLike gives the one of this canonical form.
	// Errors: event.ErrNotFound.
	RuleLike(ctx context.Context, user int64, canonical string) (rule.Rule, error)
	// RuleNumbers tells how often each rule matched before a time; rules that
	// never did are absent.
	RuleNumbers(ctx context.Context, user int64, at time.Time) (map[int64]rule.Numbers, error)
	// RuleDays gives the matches of each rule by stretches of 24 hours from a
	// time on, which begins an hour.
	RuleDays(ctx context.Context, user int64, from time.Time, days int) (map[int64][]int64, error)
	// FloodedRules lists those that were switched off because they kept too much.
	FloodedRules(ctx context.Context, user int64) ([]rule.Rule, error)
}

// RuleWriter changes the rules of one user.
type RuleWriter interface {
	// AddRule stores a rule and gives it back with id and times.
	// Errors: event.ErrExists when the user has a rule of this canonical form.
	AddRule(ctx context.Context, r rule.Rule) (rule.Rule, error)
	// UpdateRule replaces value, canonical form, tag, action and enabled of the
	// rule with this user and id.
	// Errors: event.ErrNotFound, event.ErrExists.
	UpdateRule(ctx context.Context, r rule.Rule) (rule.Rule, error)
	// RemoveRule removes a rule.
	// Errors: event.ErrNotFound.
	RemoveRule(ctx context.Context, user, id int64) error
}

// ruleForm is a rule in JSON.
type ruleForm struct {
	ID         decimal   `json:"id"`
	Value      string    `json:"value"`
	Tag        string    `json:"tag"`
	Action     string    `json:"action"`
	Enabled    bool      `json:"enabled"`
	CreatedAt  stamp     `json:"created_at"`
	UpdatedAt  stamp     `json:"updated_at"`
	FloodedAt  stamp     `json:"flooded_at"`
	Matches1h  int64     `json:"matches_1h"`
	Matches24h int64     `json:"matches_24h"`
	LastMatch  stamp     `json:"last_match_at"`
	Canonical  string    `json:"canonical"`
	Warnings   []mistake `json:"warnings"`
}

func formOfRule(r *rule.Rule, n rule.Numbers, warnings []mistake) ruleForm {
	return ruleForm{
		ID: decimal(r.ID), Value: r.Value, Tag: r.Tag, Action: r.Action.String(), Enabled: r.Enabled,
		CreatedAt: stamp(r.CreatedAt), UpdatedAt: stamp(r.UpdatedAt), FloodedAt: stamp(r.FloodedAt),
		Matches1h: n.Hour, Matches24h: n.Day, LastMatch: stamp(n.Last), Canonical: r.Canonical, Warnings: warnings,
	}
}

// listRules serves GET /v1/rules, with 304 where the client has the answer.
func (a *API) listRules(w http.ResponseWriter, r *http.Request, who *identity) error {
	rules, err := a.store.Rules(r.Context(), who.user())
	if err != nil {
		return err
	}
	numbers, err := a.store.RuleNumbers(r.Context(), who.user(), a.now())
	if err != nil {
		return err
	}
	tag := a.rulesTag(rules, numbers)
	header := w.Header()
	header[etagKey] = []string{tag}
	header["Cache-Control"] = revalidate
	if hasTag(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	forms := make([]ruleForm, len(rules))
	for i := range rules {
		forms[i] = formOfRule(&rules[i], numbers[rules[i].ID], a.warnings.of(rules[i].Value))
	}
	return writeData(w, http.StatusOK, counted{len(forms)}, forms)
}

// rulesTag makes the ETag of a list of rules: which they are and what they
// matched. A rule that changes gets another number.
func (a *API) rulesTag(rules []rule.Rule, numbers map[int64]rule.Numbers) string {
	hash := fnv.New128a()
	_, _ = hash.Write([]byte(a.version)) // never fails
	b := make([]byte, 0, 64)
	for i := range rules {
		id := rules[i].ID
		n := numbers[id]
		b = b[:0]
		for _, number := range []int64{id, rules[i].Number, n.Hour, n.Day, n.Last.UnixMicro()} {
			b = binary.BigEndian.AppendUint64(b, uint64(number))
		}
		_, _ = hash.Write(b)
	}
	return `W/"` + hex.EncodeToString(hash.Sum(nil)) + `"`
}

// maxRules is how many rules a user may have for another to be added.
const maxRules = 10_000

// checkRules refuses a rule too many.
func (a *API) checkRules(ctx context.Context, user int64) error {
	count, err := a.store.CountRules(ctx, user)
	if err == nil && count >= maxRules {
		err = tooMany.because("You have %d rules, and a user may have no more. One rule holds up to 256 terms: join some with OR.", count)
	}
	return err
}

// warnedRules is how many rules' warnings are remembered at least.
const warnedRules = 50_000

// warnings remembers what there is to say of rules that were read before: to
// parse one costs a hundred times what it takes to read it. It has two halves,
// as pageCache has.
type warnings struct {
	seed maphash.Seed

	mu         sync.Mutex
	young, old map[uint64][]mistake
	size       int // of the young half
}

func newWarnings() *warnings {
	return &warnings{seed: maphash.MakeSeed(), young: map[uint64][]mistake{}}
}

// of gives the warnings of a rule; they must not be changed.
func (w *warnings) of(value string) []mistake {
	key := maphash.String(w.seed, value)
	w.mu.Lock()
	known, young := w.young[key]
	ok := young
	if !ok {
		known, ok = w.old[key]
	}
	w.mu.Unlock()
	if !ok {
		known = warningsOf(value)
	}
	if young {
		return known
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.young[key] = known
	if w.size += 1 + len(known); w.size > warnedRules {
		w.old, w.young, w.size = w.young, map[uint64][]mistake{}, 0
	}
	return known
}

// countedDays is for how many days matches are told.
const countedDays = 14

// daysForm is how many matches a rule had a day.
type daysForm struct {
	ID    decimal `json:"id"`
	ByDay []int64 `json:"by_day"`
}

// countRules serves GET /v1/rules/counts. The last day is the 24 hours that end
// with the present one, so that no time zone matters.
func (a *API) countRules(w http.ResponseWriter, r *http.Request, who *identity) error {
	rules, err := a.store.Rules(r.Context(), who.user())
	if err != nil {
		return err
	}
	from := a.now().UTC().Truncate(time.Hour).Add(time.Hour - countedDays*24*time.Hour)
	days, err := a.store.RuleDays(r.Context(), who.user(), from, countedDays)
	if err != nil {
		return err
	}
	forms := make([]daysForm, len(rules))
	for i := range rules {
		forms[i] = daysForm{ID: decimal(rules[i].ID), ByDay: days[rules[i].ID]}
		if forms[i].ByDay == nil {
			forms[i].ByDay = make([]int64, countedDays)
		}
	}
	return writeData(w, http.StatusOK, counted{len(forms)}, forms)
}

// showRule serves GET /v1/rules/{id}.
func (a *API) showRule(w http.ResponseWriter, r *http.Request, who *identity) error {
	id, err := parseID(r.PathValue("id"))
	if err != nil {
		return err
	}
	found, err := a.store.Rule(r.Context(), who.user(), id)
	if err != nil {
		return err
	}
	return a.writeRule(w, r, who, http.StatusOK, &found)
}

// addRule serves POST /v1/rules.
func (a *API) addRule(w http.ResponseWriter, r *http.Request, who *identity) error {
	draft, err := readRule(w, r)
	if err != nil {
		return err
	}
	draft.User = who.user()
	if err := a.checkRules(r.Context(), draft.User); err != nil {
		return err
	}
	added, err := a.store.AddRule(r.Context(), draft)
	if errors.Is(err, event.ErrExists) {
		return a.duplicate(r.Context(), &draft)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/rules/"+strconv.FormatInt(added.ID, 10))
	return a.writeRule(w, r, who, http.StatusCreated, &added, a.warnIfBroad(r.Context(), added.Value)...)
}

// replaceRule serves PUT /v1/rules/{id}.
func (a *API) replaceRule(w http.ResponseWriter, r *http.Request, who *identity) error {
	id, err := parseID(r.PathValue("id"))
	if err != nil {
		return err
	}
	draft, err := readRule(w, r)
	if err != nil {
		return err
	}
	draft.ID, draft.User = id, who.user()
	updated, err := a.store.UpdateRule(r.Context(), draft)
	if errors.Is(err, event.ErrExists) {
		return a.duplicate(r.Context(), &draft)
	}
	if err != nil {
		return err
	}
	return a.writeRule(w, r, who, http.StatusOK, &updated, a.warnIfBroad(r.Context(), updated.Value)...)
}

// removeRule serves DELETE /v1/rules/{id}.
func (a *API) removeRule(w http.ResponseWriter, r *http.Request, who *identity) error {
	id, err := parseID(r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := a.store.RemoveRule(r.Context(), who.user(), id); err != nil {
		return err
	}
	return writeData(w, http.StatusOK, none{}, gone{decimal(id)})
}

// verdictForm is what there is to say of a rule that is not stored.
type verdictForm struct {
	Valid     bool      `json:"valid"`
	Canonical *string   `json:"canonical"`
	Errors    []mistake `json:"errors"`
	Warnings  []mistake `json:"warnings"`
}

// validateRule serves POST /v1/rules/validate. It says what POST would, or PUT
// where the rule has an id.
func (a *API) validateRule(w http.ResponseWriter, r *http.Request, who *identity) error {
	var value, id *string
	err := readBody(w, r, fields{"value": &value, "id": &id})
	if err != nil {
		return err
	}
	if value == nil {
		return missingValue()
	}
	draft := rule.Rule{User: who.user(), Value: *value}
	if id != nil {
		if draft.ID, err = parseID(*id); err != nil {
			return badValue("id", "is no id of a rule")
		}
	}
	expr, problems := rule.Parse(draft.Value)
	form := verdictForm{}
	form.Errors, form.Warnings = mistakesOf(problems)
	if expr != nil {
		draft.Canonical = expr.Canonical()
		form.Canonical = &draft.Canonical
		same, err := a.sameRule(r.Context(), &draft)
		if err != nil {
			return err
		}
		form.Errors = append(form.Errors, same...)
		form.Valid = len(same) == 0
		form.Warnings = append(form.Warnings, a.warnIfBroad(r.Context(), draft.Value)...)
	}
	return writeData(w, http.StatusOK, none{}, form)
}

// readRule reads and checks a rule that a client sent.
//
// Errors: *requestError, invalidRule with every mistake that can be found.
func readRule(w http.ResponseWriter, r *http.Request) (rule.Rule, error) {
	draft := rule.Rule{Enabled: true}
	var value *string
	action := rule.Keep.String()
	err := readBody(w, r, fields{"value": &value, "tag": &draft.Tag, "action": &action, "enabled": &draft.Enabled})
	if err != nil {
		return draft, err
	}
	if value == nil {
		return draft, missingValue()
	}
	if draft.Action, err = rule.ParseAction(action); err != nil {
		return draft, badValue("action", err.Error())
	}
	if err := rule.CheckTag(draft.Tag); err != nil {
		return draft, badValue("tag", err.Error())
	}
	expr, problems := rule.Parse(*value)
	if expr == nil {
		return draft, refused(problems)
	}
	draft.Value, draft.Canonical = *value, expr.Canonical()
	return draft, nil
}

func missingValue() error {
	return missingField("value", "it is the rule itself, such as coffee OR tea")
}

// refused tells all that is wrong with a rule.
func refused(problems []rule.Problem) error {
	wrong, _ := mistakesOf(problems)
	return invalidRule.because("%s", wrong[0].Message).with(wrong...)
}

// duplicate refuses a rule that the store has.
func (a *API) duplicate(ctx context.Context, draft *rule.Rule) error {
	same, err := a.sameRule(ctx, draft)
	switch {
	case err != nil:
		return err
	case len(same) == 0: // it went meanwhile
		same = []mistake{sameAs(draft, "another of your rules")}
	}
	return invalidRule.because("%s", same[0].Message).with(same...)
}

// sameRule says which other rule of the user has a draft's canonical form, if
// one has.
func (a *API) sameRule(ctx context.Context, draft *rule.Rule) ([]mistake, error) {
	other, err := a.store.RuleLike(ctx, draft.User, draft.Canonical)
	if errors.Is(err, event.ErrNotFound) || err == nil && other.ID == draft.ID {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	short, cut := event.Cut(other.Value, shownRule)
	if cut {
		short += "…"
	}
	return []mistake{sameAs(draft, fmt.Sprintf("your rule %d: %s", other.ID, short))}, nil
}

// shownRule is how many bytes of a rule a message shows.
const shownRule = 64

func sameAs(draft *rule.Rule, other string) mistake {
	start, length := 0, len(draft.Value)
	return mistake{
		Code: rule.CodeDuplicateRule, Offset: &start, Length: &length,
		Message: "This means the same as " + other, Hint: "change that rule, or remove it first",
	}
}

func (a *API) writeRule(w http.ResponseWriter, r *http.Request, who *identity, status int, one *rule.Rule, more ...mistake) error {
	numbers, err := a.store.RuleNumbers(r.Context(), who.user(), a.now())
	if err != nil {
		return err
	}
	return writeData(w, status, none{}, formOfRule(one, numbers[one.ID], append(warningsOf(one.Value), more...)))
}

func warningsOf(value string) []mistake {
	_, problems := rule.Parse(value)
	_, warnings := mistakesOf(problems)
	return warnings
}

// mistakesOf parts errors from warnings.
func mistakesOf(problems []rule.Problem) (wrong, warnings []mistake) {
	wrong, warnings = []mistake{}, []mistake{}
	for i := range problems {
		p := &problems[i]
		m := mistake{Code: p.Code, Offset: &p.Offset, Length: &p.Length, Message: p.Message, Hint: p.Hint}
		if p.Warning {
			warnings = append(warnings, m)
		} else {
			wrong = append(wrong, m)
		}
	}
	return wrong, warnings
}
