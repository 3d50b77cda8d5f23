package desired

// SchemaSentences are said by a rule of the schema too.
var SchemaSentences = []string{oneSourceKind, oneBackend, oneSink, unknownSource, sourceIsSink, channelTwice, namedTwice, appTokenTwice, streamTwice}
