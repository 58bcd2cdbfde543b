package tokenizer

// merger joins the symbols of one word. The symbols form a linked list; a heap holds the possible merges, some of them
// stale. The work grows as n log n, so even a megabyte without a seam is fine.
type merger struct {
	links []link
	heap  []candidate
}

// link is a symbol and its neighbours in the list.
type link struct{ id, prev, next int32 }

// candidate is a possible merge of the symbol at pos with the next one. It is stale unless their ids are still left and
// right.
type candidate struct{ rank, pos, left, right, id int32 }

// before orders candidates by rank, then left to right.
func (a candidate) before(b candidate) bool {
	return a.rank < b.rank || a.rank == b.rank && a.pos < b.pos
}

// gone is the id of a symbol that was merged into its left neighbour.
const gone = -1

// run merges the symbols and appends the resulting ids.
func (w *merger) run(m *bpe, ids []int32, symbols []symbol) []int32 {
	if len(symbols) == 1 {
		return append(ids, symbols[0].id)
	}
	w.links, w.heap = w.links[:0], w.heap[:0]
	for i, s := range symbols {
		w.links = append(w.links, link{s.id, int32(i - 1), int32(i + 1)})
	}
	for i := range len(symbols) - 1 {
		w.propose(m, int32(i))
	}
	for len(w.heap) > 0 {
		w.join(m, w.pop())
	}
	for at := int32(0); int(at) < len(w.links); at = w.links[at].next {
		ids = append(ids, w.links[at].id)
	}
	return ids
}

// propose pushes the merge of the symbol at pos with the next one, if there is one.
func (w *merger) propose(m *bpe, pos int32) {
	left := w.links[pos]
	if int(left.next) >= len(w.links) {
		return
	}
	right := w.links[left.next]
	if to, ok := m.merges[[2]int32{left.id, right.id}]; ok {
		w.push(candidate{to.rank, pos, left.id, right.id, to.id})
	}
}

// join performs a merge unless it is stale, then proposes merges with the new neighbours.
func (w *merger) join(m *bpe, c candidate) {
	left := &w.links[c.pos]
	if left.id != c.left || int(left.next) >= len(w.links) || w.links[left.next].id != c.right {
		return
	}
	right := &w.links[left.next]
	left.id, left.next, right.id = c.id, right.next, gone
	if int(left.next) < len(w.links) {
		w.links[left.next].prev = c.pos
	}
	w.propose(m, c.pos)
	if left.prev >= 0 {
		w.propose(m, left.prev)
	}
}

// push adds c to the heap.
func (w *merger) push(c candidate) {
	w.heap = append(w.heap, c)
	h := w.heap
	i := len(h) - 1
	for i > 0 && c.before(h[(i-1)/2]) {
		h[i] = h[(i-1)/2]
		i = (i - 1) / 2
	}
	h[i] = c
}

// pop removes the first candidate from the heap.
func (w *merger) pop() candidate {
	h := w.heap
	top, c := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	i := 0
	for {
		child := 2*i + 1
		if child+1 < len(h) && h[child+1].before(h[child]) {
			child++
		}
		if child >= len(h) || !h[child].before(c) {
			break
		}
		h[i] = h[child]
		i = child
	}
	if len(h) > 0 {
		h[i] = c
	}
	w.heap = h
	return top
}
