package state

// Cell is a key of a hot table together with its row, for keys that are read and put again and again:
// no look-up is needed while the row lives. Get a new one after Options.Loaded was called.
type Cell[V any] struct {
	t   *hotRows[V]
	key string
	row *hotRow[V] // nil: it was not there
}

// Cell returns the cell of a key, whether there is a row or not. The table must not be cold.
func (t *Table[V]) Cell(key string) Cell[V] {
	rows, ok := t.rows.(*hotRows[V])
	if !ok {
		panic("state: a cell of a cold table")
	}
	row, _ := rows.find(key)
	return Cell[V]{t: rows, key: key, row: row}
}

// Key is the cell's key.
func (c *Cell[V]) Key() string { return c.key }

// Get is Table.Get of the cell's key.
func (c *Cell[V]) Get() (v V, ok bool) {
	if c.row == nil || c.row.dead {
		return c.t.get(c.key)
	}
	return c.row.v, true
}

// Put is Table.Put of the cell's key.
func (c *Cell[V]) Put(v V) {
	if c.row == nil || c.row.dead || c.t.scans > 0 {
		c.t.put(c.key, v)
		c.row, _ = c.t.find(c.key)
		return
	}
	c.t.mustUpdate(c.key)
	c.row.v = v
	c.t.touch(c.key, c.row)
}
