import type { User, UserServerArguments, UserServerResult } from "@anteroom/shared/wire/user-server";

/** Where users live. All of it throws when there is no proper answer. */
export interface UserStore {
  createUser(user: UserServerArguments<"create_user">): Promise<UserServerResult<"create_user">>;
  getUser(userId: string): Promise<User | undefined>;
  getUserByEmailAddress(emailAddress: string): Promise<User | undefined>;
  updateUserEmailAddress(
    update: UserServerArguments<"update_user_email_address">,
  ): Promise<UserServerResult<"update_user_email_address">>;
  /** False when the user is gone or the counter is another by now. */
  updateUserPasswordHash(update: UserServerArguments<"update_user_password_hash">): Promise<boolean>;
  /** False when the user is gone or the counter is another by now. */
  incrementUserSessionsCounter(userId: string, counter: number): Promise<boolean>;
  /** False when the user is gone. */
  deleteUser(userId: string): Promise<boolean>;
}
