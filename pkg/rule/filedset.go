package rule

// idPage is how many ids share an entry of a filedSet: stores give ids out one
// after the other.
const (
	idBits = 4
	idPage = 1 << idBits
)

// filedSet finds rules by their id.
type filedSet struct {
	pages map[int64]*[idPage]*Filed
	count int
}

func newFiledSet() filedSet { return filedSet{pages: make(map[int64]*[idPage]*Filed)} }

// get gives the rule of an id, nil if there is none.
func (s *filedSet) get(id int64) *Filed {
	if page := s.pages[id>>idBits]; page != nil {
		return page[id&(idPage-1)]
	}
	return nil
}

// put takes f in and gives what was there under its id, nil if nothing was.
func (s *filedSet) put(f *Filed) (before *Filed) {
	page := s.pages[f.ID>>idBits]
	if page == nil {
		page = new([idPage]*Filed)
		s.pages[f.ID>>idBits] = page
	}
	place := &page[f.ID&(idPage-1)]
	before, *place = *place, f
	if before == nil {
		s.count++
	}
	return before
}

func (s *filedSet) remove(id int64) {
	page := s.pages[id>>idBits]
	if page == nil || page[id&(idPage-1)] == nil {
		return
	}
	page[id&(idPage-1)] = nil
	s.count--
	if *page == [idPage]*Filed{} {
		delete(s.pages, id>>idBits)
	}
}
