// Writes the database of test_level_db.py: `go run . db`, with goleveldb as the chains pin it (v1.0.1-0.20220721030215).
// Small buffers make tables, levels and a flush that was cut short out of three hundred heights.

package main

import (
	"encoding/binary"
	"fmt"
	"math/rand"
	"os"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"
)

func main() {
	db, err := leveldb.OpenFile(os.Args[1], &opt.Options{WriteBuffer: 8192, CompactionTableSize: 8192, BlockSize: 1024, CompactionL0Trigger: 2, CompactionTotalSize: 16384})
	if err != nil {
		panic(err)
	}
	r := rand.New(rand.NewSource(1))
	for h := 1; h <= 300; h++ {
		b := new(leveldb.Batch)
		for i := 0; i < 6; i++ {
			v := make([]byte, 20)
			r.Read(v)
			b.Put([]byte(fmt.Sprintf("s/k:bank/%06d", r.Intn(200))), append(v, []byte("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")...))
		}
		if h == 150 {
			b.Put([]byte("big"), make([]byte, 70000))
		}
		v := append([]byte{8}, binary.AppendUvarint(nil, uint64(h))...)
		b.Put([]byte("s/latest"), v)
		b.Delete([]byte(fmt.Sprintf("gone/%d", h)))
		if err := db.Write(b, &opt.WriteOptions{Sync: h%50 == 0}); err != nil {
			panic(err)
		}
		if h == 10 {
			db.Put([]byte("early"), []byte("once"), nil)
			db.Put([]byte("dropped"), []byte("x"), nil)
		}
	}
	db.Delete([]byte("dropped"), nil)
	db.Close()
}
