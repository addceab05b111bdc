import type { CodegenConfig } from '@graphql-codegen/cli'

const scalars = {
  DateTime: 'string',
  EmailAddress: 'string',
  IPAddress: 'string',
  JSONObject: 'Record<string, unknown>',
  ID: 'string',
}
const plugins = ['typescript-operations', 'typed-document-node']

/** Typed documents for the tests and for the guide's examples: what they send is checked against the schema. */
const config: CodegenConfig = {
  schema: 'schema.graphql',
  generates: {
    'test/support/documents.generated.ts': {
      documents: 'test/**/*.graphql',
      plugins,
      config: { useTypeImports: true, enumsAsTypes: true, skipTypename: false, scalars },
    },
    'docs/examples/documents.generated.ts': {
      documents: 'docs/examples/*.graphql',
      plugins,
      config: {
        useTypeImports: true,
        enumsAsTypes: true,
        nonOptionalTypename: true,
        skipTypeNameForRoot: true,
        scalars: { ...scalars, PhoneNumber: 'string' },
      },
    },
  },
}

export default config
