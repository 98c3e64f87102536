import {
  GraphQLError,
  GraphQLID,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLSchema,
  GraphQLString,
} from "graphql";

const id = { type: new GraphQLNonNull(GraphQLID) };
const text = { type: new GraphQLNonNull(GraphQLString) };
const number = { type: GraphQLInt };

// In the isolate's memory: gone when the isolate is, and a busy app has more than one.
const authors = [
  { id: "eliot", name: "George Eliot" },
  { id: "shelley", name: "Mary Shelley" },
];
const books = [
  { id: "middlemarch", title: "Middlemarch", year: 1871, author: "eliot" },
  { id: "frankenstein", title: "Frankenstein", year: 1818, author: "shelley" },
  { id: "lodore", title: "Lodore", year: 1835, author: "shelley" },
];

const Author = new GraphQLObjectType({
  name: "Author",
  fields: () => ({
    id,
    name: text,
    books: { type: listOf(Book), resolve: (author) => books.filter((book) => book.author === author.id) },
  }),
});

const Book = new GraphQLObjectType({
  name: "Book",
  fields: {
    id,
    title: text,
    year: number,
    author: { type: new GraphQLNonNull(Author), resolve: (book) => authors.find(({ id }) => id === book.author) },
  },
});

const Query = new GraphQLObjectType({
  name: "Query",
  fields: {
    books: {
      type: listOf(Book),
      args: { before: number },
      resolve: (_, { before = Infinity }) => books.filter((book) => book.year < before),
    },
    book: { type: Book, args: { id }, resolve: (_, { id }) => books.find((book) => book.id === id) },
    authors: { type: listOf(Author), resolve: async () => authors },
    userAgent: { type: GraphQLString, resolve: (_, args, context) => context.userAgent },
  },
});

const Mutation = new GraphQLObjectType({
  name: "Mutation",
  fields: {
    addBook: { type: new GraphQLNonNull(Book), args: { title: text, year: number, author: id }, resolve: addBook },
  },
});

function addBook(_, { title, year, author }) {
  if (!authors.some(({ id }) => id === author)) throw new GraphQLError(`no author ${author}`);
  const book = { id: title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-"), title, year, author };
  books.push(book);
  return book;
}

function listOf(type) {
  return new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(type)));
}

export const schema = new GraphQLSchema({ query: Query, mutation: Mutation });
