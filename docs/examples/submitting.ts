import type { FormEvent } from 'react'

/** For `onSubmit`: what was typed stays when an act fails. With `action`, React empties the form. */
export const submitting = (act: (form: FormData) => unknown) => (event: FormEvent<HTMLFormElement>) => {
  event.preventDefault()
  act(new FormData(event.currentTarget))
}
