// Package journal appends verified events to the journal of EventBatches: it gathers them to batches, commits each batch once, and
// recognises deliveries that are committed already. It may import the API types, the packages of internal/ and a REST client of the API
// server. Start with Journal.Append.
package journal
